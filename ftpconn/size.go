package ftpconn

import "context"

// Size asks for the size of a file, in the image type, RFC 3659 section 4:
// what a transfer will bring, whatever listings say. ErrNotSupported means
// that the server does not tell.
func (p *Pool) Size(ctx context.Context, name string, lane Lane) (int64, error) {
	size := int64(-1)
	err := p.do(ctx, lane, func(c *Conn) error {
		ahead, arg, err := c.at(name)
		if err != nil {
			return err
		}
		replies, errs, err := c.batch(ctx, append(ahead, command{"SIZE", arg})...)
		if err != nil {
			return err
		}
		if err := errs[len(errs)-1]; err != nil {
			return err
		}
		if size = parseSize(replies[len(replies)-1].text()); size < 0 {
			return ErrNotSupported
		}
		return nil
	})
	return size, err
}
