package listing

import "bytes"

// mvsState says which of the forms of z/OS a listing has.
type mvsState struct {
	members bool // below the heading of a partitioned data set's members
	jobs    bool // below the heading of jobs
}

// mvsLine reads a line of IBM z/OS (MVS). Data sets have one heading, members
// of a partitioned data set another one, jobs a third one:
//
//	Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname
//	WYOSPT 3420   2003/05/21  1  200  FB      80  8053  PS  HLQ.NAME
//	Migrated                                                HLQ.NAME
//
//	 Name     VV.MM   Created       Changed      Size  Init   Mod   Id
//	SAVE03    01.03 2002/09/12 2002/10/11 09:37    11    11     0 KIL001
//
// Partitioned data sets are directories. Sizes are tracks, or records of a
// length that is not told: no size in bytes.
func (p *Parser) mvsLine(line []byte, e *Entry) verdict {
	text := trimRight(line)
	var f fields
	f.split(text, 0)
	if p.mvsHeading(&f) {
		return ignore
	}
	switch {
	case p.mvsDataset(&f, e), p.mvsElsewhere(&f, e), p.mvsMember(&f, e), p.mvsModule(&f, e), p.mvsJob(&f, e):
		return entry
	case f.n == 1 && (p.mvs.members || p.opt.Dialect == MVS) && mvsName(f.at(0), true):
		// A member without statistics is nothing but its name.
		e.Type, e.Name = File, string(f.at(0))
		return entry
	}
	return no
}

func (p *Parser) mvsHeading(f *fields) bool {
	one, two := string(f.at(0)), string(f.at(1))
	switch {
	case one == "Volume" && two == "Unit":
		p.mvs = mvsState{}
	case one == "Name" && (two == "VV.MM" || two == "Size" && string(f.at(2)) == "TTR"):
		p.mvs = mvsState{members: true}
	case one == "JOBNAME" && two == "JOBID":
		p.mvs = mvsState{jobs: true}
	default:
		return false
	}
	return true
}

// mvsDataset reads the line of a data set on disk. Of the columns only the
// last two are certain; extents and tracks may be glued.
func (p *Parser) mvsDataset(f *fields, e *Entry) bool {
	if f.n < 4 || !mvsName(f.at(f.n-1), false) || len(f.at(0)) > 6 {
		return false
	}
	organization := f.at(f.n - 2)
	switch string(organization) {
	case "PS", "DA", "IS", "PSU", "PS-L", "PS-E", "DAU", "VS", "VSAM", "PS-B":
		e.Type = File
	case "PO", "PO-E", "POU", "PO-L":
		e.Type = Dir
	case "HFS", "ZFS", "GDG", "PATH", "AIX", "**":
		e.Type = Unknown
	default:
		return false
	}
	unit := f.at(1)
	if len(unit) > 8 || !digit(unit[0]) && !letter(unit[0]) {
		return false
	}
	if f.n == 4 { // volume unit VSAM name
		e.Name = mvsUnquote(f.at(3))
		return string(organization) == "VSAM" || string(organization) == "HFS"
	}
	if f.n < 7 {
		return false
	}
	var m moment
	if w := f.at(2); w[0] != '*' && string(w) != "-" {
		if !m.date(w, unixPivot) || !p.set(e, &m) {
			return false
		}
	}
	e.Name = mvsUnquote(f.at(f.n - 1))
	return true
}

// mvsElsewhere reads the lines of data sets that are not on disk, or of which
// nothing can be told.
func (p *Parser) mvsElsewhere(f *fields, e *Entry) bool {
	last := f.n - 1
	if last < 1 || !mvsName(f.at(last), false) {
		return false
	}
	text := f.line[f.f[0].a:f.f[last-1].b]
	switch {
	case last == 1 && (string(text) == "Migrated" || string(text) == "MIGRATED" || string(text) == "ARCIVE"),
		last == 2 && string(f.at(1)) == "Tape", bytes.HasSuffix(text, []byte("Not Direct Access Device")):
		e.Type = File
	case string(text) == "Pseudo Directory":
		e.Type = Dir
	case bytes.HasPrefix(text, []byte("Error determining attributes")), bytes.HasPrefix(text, []byte("User catalog connector")),
		bytes.HasSuffix(text, []byte("Not Mounted")), string(text) == "GDG", string(text) == "VSAM",
		last == 2 && string(f.at(1)) == "PATH":
		e.Type = Unknown
	default:
		return false
	}
	e.Name = mvsUnquote(f.at(last))
	return true
}

// mvsMember reads a member with ISPF statistics. Version and date of creation
// may be missing.
func (p *Parser) mvsMember(f *fields, e *Entry) bool {
	if !mvsName(f.at(0), true) {
		return false
	}
	k := 1
	var created, m moment
	if version := f.at(k); len(version) == 5 && version[2] == '.' {
		if k++; !created.date(f.at(k), unixPivot) {
			return false
		}
		k++
	}
	if f.n < k+5 || f.n > k+6 || !m.date(f.at(k), unixPivot) || !m.clock(f.at(k+1)) {
		return false
	}
	for n := k + 2; n < k+5; n++ { // records: now, at first, changed
		if !allDigits(f.at(n)) {
			return false
		}
	}
	e.Type, e.Name = File, string(f.at(0))
	return p.set(e, &m)
}

// mvsModule reads a member of a load library: name, size and place in
// hexadecimal, perhaps an alias, attributes.
//
//	Name      Size   TTR   Alias-of AC --------- Attributes --------- Amode Rmode
//	EAGKCPT   000058   000009          00 RN  31 ANY
func (p *Parser) mvsModule(f *fields, e *Entry) bool {
	if f.n < 5 || !mvsName(f.at(0), true) {
		return false
	}
	var size int64
	for k := 1; k <= 2; k++ {
		w := f.at(k)
		if len(w) != 6 && len(w) != 8 {
			return false
		}
		var n int64
		for _, c := range w {
			switch {
			case digit(c):
				n = n<<4 | int64(c-'0')
			case 'A' <= c && c <= 'F':
				n = n<<4 | int64(c-'A'+10)
			default:
				return false
			}
		}
		if k == 1 {
			size = n
		}
	}
	last := string(f.at(f.n - 1))
	if last != "ANY" && last != "24" && last != "31" && last != "64" {
		return false
	}
	e.Type, e.Name, e.Size, e.SizeRough = File, string(f.at(0)), size, true
	return true
}

// mvsJob reads the line of a job: its name, its number, an owner, its state.
//
//	IBMUSER1 JOB01906 OUTPUT    3 Spool Files
//	IBMUSER2 JOB01830 IBMUSER2 OUTPUT A        RC=0000 5 spool files
func (p *Parser) mvsJob(f *fields, e *Entry) bool {
	id := f.at(1)
	if f.n < 3 || len(id) < 6 || len(id) > 8 || !mvsName(f.at(0), true) {
		return false
	}
	switch {
	case bytes.HasPrefix(id, []byte("JOB")), bytes.HasPrefix(id, []byte("STC")), bytes.HasPrefix(id, []byte("TSU")):
		if !allDigits(id[3:]) {
			return false
		}
	case (id[0] == 'J' || id[0] == 'S' || id[0] == 'T') && allDigits(id[1:]):
	default:
		return false
	}
	known := p.mvs.jobs
	for k := 2; k < min(4, f.n); k++ {
		switch string(f.at(k)) {
		case "OUTPUT", "INPUT", "ACTIVE", "HELD":
			known = true
		}
	}
	if !known {
		return false
	}
	e.Type, e.Name = File, string(id)
	return true
}

// mvsName says whether w can name a data set, or a member of one.
func mvsName(w []byte, member bool) bool {
	if !member {
		w = []byte(mvsUnquote(w))
	}
	limit := 44
	if member {
		limit = 24 // eight; aliases and the like are longer
	}
	if len(w) == 0 || len(w) > limit || !letter(w[0]) && !digit(w[0]) && w[0] != '$' && w[0] != '#' && w[0] != '@' {
		return false
	}
	for _, c := range w {
		switch {
		case letter(c), digit(c), c == '$', c == '#', c == '@', c == '-', c == '_':
		case c == '.' && !member:
		case c == '(' || c == ')' || c == '+':
			if member {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// mvsUnquote takes the quotes off a full name: 'HLQ.NAME'.
func mvsUnquote(w []byte) string {
	if n := len(w); n > 2 && w[0] == '\'' && w[n-1] == '\'' {
		w = w[1 : n-1]
	}
	return string(w)
}
