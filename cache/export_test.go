package cache

// SetLimits makes files stream from a size on, and what was sent of them be given
// up here beyond another one, in steps. It comes before anything is written.
func (c *Cache) SetLimits(streamFrom, whole, step int64) {
	c.limits = limits{streamFrom, whole, step}
}

// SetWholeLimit changes up to which size a stream is kept here.
func (c *Cache) SetWholeLimit(n int64) { c.limits.whole = n }

// Spent is how much of what was sent of a stream is not here any more.
func (d *Draft) Spent() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sender == nil {
		return 0
	}
	return d.sender.spent
}

// Sent is how much a stream has sent.
func (d *Draft) Sent() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sender == nil {
		return 0
	}
	return d.sender.sent
}
