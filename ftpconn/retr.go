package ftpconn

import (
	"context"
	"strconv"

	"ftpfs/ftpconn/listing"
)

// retr starts to read a file at an offset, RFC 959 section 4.1.3 and RFC 3659
// section 5 (REST in stream mode counts bytes, in image type). size is the
// whole file's, -1 if it is not known. chain is for transfers that will soon
// be over.
func (c *Conn) retr(ctx context.Context, name string, offset, size int64, chain bool) (*transfer, error) {
	ahead, arg, err := c.at(name)
	if err != nil {
		return nil, err
	}
	if offset > 0 {
		works := c.restWorks()
		if works == unknown {
			if works, err = c.proveRest(ctx, arg, size, ahead); err != nil {
				return nil, c.explain(ctx, name, listing.File, err)
			}
			if ahead, arg, err = c.at(name); err != nil { // the directory may have changed
				return nil, err
			}
		}
		if works != yes {
			t, err := c.retrThrough(ctx, arg, offset, ahead)
			if err != nil {
				return nil, c.explain(ctx, name, listing.File, err)
			}
			return t, nil
		}
	}
	// Some servers keep the restart offset of a RETR that they refused.
	if offset > 0 || c.restLeft {
		ahead = append(ahead, command{"REST", strconv.FormatInt(offset, 10)})
		c.rested = offset > 0
	}
	t, err := c.transferChain(ctx, chain, command{"RETR", arg}, ahead...)
	c.restLeft = err != nil && offset > 0
	if restRefused(err) && c.broken == nil {
		c.learnRest(no, "it is refused")
		t, err = c.retrThrough(ctx, arg, offset, ahead[:len(ahead)-1])
	}
	if err != nil {
		return nil, c.explain(ctx, name, listing.File, err)
	}
	return t, nil
}
