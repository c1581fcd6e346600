package ftpconn

import (
	"context"
	"errors"
	"io"
	"strconv"

	"ftpfs/ftpconn/listing"
)

// retr starts to read a file at an offset, RFC 959 section 4.1.3 and RFC 3659
// section 5 (REST in stream mode counts bytes, in image type). chain is for
// transfers that will soon be over.
func (c *Conn) retr(ctx context.Context, name string, offset int64, chain bool) (*transfer, error) {
	ahead, arg, err := c.at(name)
	if err != nil {
		return nil, err
	}
	// Some servers keep the restart offset of a RETR that they refused.
	if offset > 0 || c.restLeft {
		ahead = append(ahead, command{"REST", strconv.FormatInt(offset, 10)})
	}
	t, err := c.transferChain(ctx, chain, command{"RETR", arg}, ahead...)
	c.restLeft = err != nil && offset > 0
	var refused *Error
	if errors.As(err, &refused) && refused.Op == "REST" && errors.Is(err, ErrNotSupported) && c.broken == nil {
		// There is no other way to the offset than through what lies before.
		if t, err = c.transfer(ctx, command{"RETR", arg}, ahead[:len(ahead)-1]...); err != nil {
			return nil, err
		}
		if _, err := io.CopyN(io.Discard, t, offset); err != nil {
			t.abandon()
			return nil, errors.Join(ErrShort, err)
		}
		t.bytes.Store(0)
		return t, nil
	}
	if err != nil {
		return nil, c.explain(ctx, name, listing.File, err)
	}
	return t, nil
}
