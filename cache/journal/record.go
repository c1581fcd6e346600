package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/renameio/v2"
)

// Record says what the content of an item is for.
type Record struct {
	Path    string    // on the mount, absolute; any bytes but NUL
	Size    int64     // of the data file
	Append  bool      // the data from From on goes behind what is on the server
	From    int64     // an offset in the data file
	Base    *Version  // what was there when the file was opened; nil: nothing was
	Time    time.Time // to be set; zero: not
	Mode    uint32    // permission bits to be set, if HasMode
	HasMode bool
	Saved   time.Time // Save fills it in if it is zero
	Tries   int
	Error   string // why it is not on the server yet
	InPlace bool   // an upload under the name itself may have begun: what is there may be half of ours
	Whole   bool   // the data file holds the whole content

	Local     [][2]int64 // the parts, from one offset up to another, that the data file holds
	OriginEnd int64      // where the rest ends, which is on the server
	Torn      bool       // an append may have begun
}

// Version is a state of a file on the server.
type Version struct {
	Size    int64
	ModTime time.Time
	ModPrec int    // of ModTime; the journal keeps it and does not look at it
	Unique  string // the server's name for the file, if it has one
}

func (r Record) clone() Record {
	r.Local = slices.Clone(r.Local)
	if r.Base != nil {
		base := *r.Base
		r.Base = &base
	}
	return r
}

// The form on disk is JSON with a hash of its main part, readable for who has
// to look into it by hand.

const recordFormat = 1

type recordFile struct {
	Format int             `json:"format"`
	SHA256 string          `json:"sha256"` // of the bytes of Record
	Record json.RawMessage `json:"record"`
}

type recordJSON struct {
	Path    anyText      `json:"path"`
	Size    int64        `json:"size"`
	Append  bool         `json:"append,omitempty"`
	From    int64        `json:"from,omitempty"`
	Base    *versionJSON `json:"base,omitempty"`
	Time    *instant     `json:"time,omitempty"`
	Mode    uint32       `json:"mode,omitempty"`
	HasMode bool         `json:"has_mode,omitempty"`
	Saved   *instant     `json:"saved,omitempty"`
	Tries   int          `json:"tries,omitempty"`
	Error   anyText      `json:"error,omitempty"`
	InPlace bool         `json:"in_place,omitempty"`
	Whole   bool         `json:"whole,omitempty"`

	Lost      *lostMark  `json:"lost,omitempty"`
	Local     [][2]int64 `json:"local,omitempty"`
	OriginEnd int64      `json:"origin_end,omitempty"`
	Torn      bool       `json:"torn,omitempty"`
}

type versionJSON struct {
	Size    int64    `json:"size"`
	ModTime *instant `json:"mod_time,omitempty"`
	ModPrec int      `json:"mod_prec,omitempty"`
	Unique  anyText  `json:"unique,omitempty"`
}

// lostMark says that an item is on its way to lost+found, and as what, so that
// the way can be finished after a crash.
type lostMark struct {
	Name   string  `json:"name"`
	Reason anyText `json:"reason"`
	When   instant `json:"when"`
}

// anyText is a string that need not be UTF-8, which JSON's strings must be.
type anyText string

type base64Text struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON makes a string where that loses nothing.
func (t anyText) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	return json.Marshal(base64Text{[]byte(t)})
}

// UnmarshalJSON reads what MarshalJSON makes.
func (t *anyText) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("{")) {
		var b base64Text
		err := json.Unmarshal(data, &b)
		*t = anyText(b.Base64)
		return err
	}
	return json.Unmarshal(data, (*string)(t))
}

// instant is a time.Time. RFC 3339 could not hold the years that touch(1) can
// set.
type instant struct {
	Seconds int64 `json:"s"` // since 1970
	Nanos   int64 `json:"ns,omitempty"`
}

func toInstant(t time.Time) *instant {
	if t.IsZero() {
		return nil
	}
	return &instant{t.Unix(), int64(t.Nanosecond())}
}

func (i *instant) time() time.Time {
	if i == nil {
		return time.Time{}
	}
	return time.Unix(i.Seconds, i.Nanos).UTC()
}

func encodeRecord(r Record, lost *lostMark) ([]byte, error) {
	j := recordJSON{
		Path: anyText(r.Path), Size: r.Size, Append: r.Append, From: r.From, Time: toInstant(r.Time),
		Mode: r.Mode, HasMode: r.HasMode, Saved: toInstant(r.Saved), Tries: r.Tries, Error: anyText(r.Error),
		InPlace: r.InPlace, Whole: r.Whole, Lost: lost,
		Local: r.Local, OriginEnd: r.OriginEnd, Torn: r.Torn,
	}
	if b := r.Base; b != nil {
		j.Base = &versionJSON{b.Size, toInstant(b.ModTime), b.ModPrec, anyText(b.Unique)}
	}
	body, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	data, err := json.Marshal(recordFile{recordFormat, hex.EncodeToString(sum[:]), body})
	return append(data, '\n'), err
}

// errDamaged is what errors.Is finds in all that is wrong with the bytes of a
// record.
var errDamaged = errors.New("its record is damaged")

// decodeRecord reads a record. Of a damaged one it returns what can be read.
func decodeRecord(data []byte) (r Record, lost *lostMark, err error) {
	var f recordFile
	if err := json.Unmarshal(data, &f); err != nil {
		return r, nil, errDamaged
	}
	var j recordJSON
	if err := json.Unmarshal(f.Record, &j); err != nil {
		return r, nil, errDamaged
	}
	r = Record{
		Path: string(j.Path), Size: j.Size, Append: j.Append, From: j.From, Time: j.Time.time(),
		Mode: j.Mode, HasMode: j.HasMode, Saved: j.Saved.time(), Tries: j.Tries, Error: string(j.Error),
		InPlace: j.InPlace, Whole: j.Whole,
		Local: j.Local, OriginEnd: j.OriginEnd, Torn: j.Torn,
	}
	if b := j.Base; b != nil {
		r.Base = &Version{b.Size, b.ModTime.time(), b.ModPrec, string(b.Unique)}
	}
	sum := sha256.Sum256(f.Record)
	switch {
	case f.Format != recordFormat:
		return r, nil, fmt.Errorf("%w: it has format %d and this version of ftpfs knows %d only", errDamaged, f.Format, recordFormat)
	case f.SHA256 != hex.EncodeToString(sum[:]):
		return r, nil, fmt.Errorf("%w: its checksum does not fit", errDamaged)
	}
	return r, j.Lost, nil
}

func readRecord(dir, id string) (Record, *lostMark, error) {
	data, err := os.ReadFile(filepath.Join(dir, id+recordSuffix))
	if err != nil {
		return Record{}, nil, err
	}
	return decodeRecord(data)
}

func writeRecord(dir, id string, r Record, lost *lostMark) error {
	data, err := encodeRecord(r, lost)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, id+recordSuffix), data); err != nil {
		return err
	}
	return syncDir(dir)
}

// writeFile replaces a file in one step. Until then there is a file beside it
// whose name begins with a dot. The name is on disk when the directory is
// synced.
func writeFile(name string, data []byte) error {
	return renameio.WriteFile(name, data, 0o600, renameio.WithTempDir(filepath.Dir(name)), renameio.WithStaticPermissions(0o600))
}
