package ftptest

import "time"

// Plan says how the transfers of one verb deviate. The zero Plan is a correct
// transfer.
type Plan struct {
	// Start is sent as it is instead of the 150 line. NoStart sends nothing.
	Start   string
	NoStart bool

	// Early sends the 150 line before the data connection is accepted, as
	// pyftpdlib does; otherwise it follows.
	Early bool

	// Limit, if positive, is how many bytes are sent or taken before the data
	// connection ends, by FIN or, with Reset, by RST. CutAtOnce ends it before
	// the first byte.
	Limit     int64
	CutAtOnce bool
	Reset     bool

	// Stall, if positive, is how many bytes are sent or taken before nothing
	// happens any more, for ever.
	Stall int64

	// Extra follows the content.
	Extra string

	// IgnoreRest sends the file from its begin after a REST.
	IgnoreRest bool

	// Delay is the wait between the end of the data and the final reply.
	Delay time.Duration

	// Final is sent as it is instead of the 226 line. NoFinal sends nothing.
	// HangUp closes the control connection instead.
	Final   string
	NoFinal bool
	HangUp  bool
}
