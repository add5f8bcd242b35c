"""Tables booked by the hour."""
