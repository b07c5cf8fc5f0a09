"""Training on clicks: DPO, anchors, the listwise loss."""
