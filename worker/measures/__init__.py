"""Metrics against references (BLEU, chrF, ROUGE-L, SARI), and intervals of any figure."""
