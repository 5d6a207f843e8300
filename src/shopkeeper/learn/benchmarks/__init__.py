"""Published tasks on anyone's data: sequences or baskets in, ranked lists or rules out; settings chosen honestly."""
