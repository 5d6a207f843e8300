"""Models that read a history in its order: self-attention, GRU and LSTM. Learned with torch, asked with numpy alone."""
