//! Cards: things of the shop, rendered so that any client can draw them. Pure: what is shown is passed in.
