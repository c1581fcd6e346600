package journal

import "path/filepath"

// Clear removes the record and keeps the data: the content is on the server,
// and those who have it open may change it again.
func (i *Item) Clear() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.gone {
		return nil
	}
	if err := remove(filepath.Join(i.dir, i.id+recordSuffix)); err != nil {
		return i.failed("clear", err)
	}
	i.record = nil
	return nil
}
