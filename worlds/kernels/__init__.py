"""The worlds' physics: `layout` says where everything lies, and needs no compiler; the rest is compiled."""
