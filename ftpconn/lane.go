package ftpconn

// Lane says how urgent a piece of work is. When connections are short, the
// pool serves lower numbers first, and takes the connection back from a
// transfer whose lane is higher than that of the work which waits.
type Lane int

// The lanes, most urgent first.
const (
	LaneMeta        Lane = iota // a user waits for a listing or attributes
	LaneRead                    // a user waits for content
	LaneReadAhead               // content that an open file's reader will want
	LaneSpeculative             // listings and files that a tree walk may want
	laneCount
)
