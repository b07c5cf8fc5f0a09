"""Metrics against references (BLEU, chrF, ROUGE-L), and bootstrap intervals of any figure."""
