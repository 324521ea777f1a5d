"""Where a language's dates read better than Django writes them."""
