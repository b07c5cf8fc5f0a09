"""Figures of texts beside references (BLEU, chrF, ROUGE-L), and the intervals of any figure."""
