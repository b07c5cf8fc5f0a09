"""Metrics against references (BLEU, chrF, ROUGE-L), and intervals of any figure."""
