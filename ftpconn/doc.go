// Package ftpconn speaks FTP: RFC 959 with the extensions of RFC 2389 (FEAT),
// RFC 2428 (EPSV, EPRT), RFC 2640 (UTF8) and RFC 3659 (MLSD, MLST, SIZE,
// MDTM, REST in stream mode).
//
// # Connections
//
// A [Conn] is one logged-in control connection. It is not safe for concurrent
// use. After an I/O error, a reply that can not be parsed, or a timeout it is
// broken and is thrown away; a negative reply, an [*Error], leaves it good.
// That is the whole rule about reuse.
//
// A Conn may be hot: its next data connection is already open, so that the
// next command that moves data costs one round trip and not three.
//
// A [Pool] offers the same verbs, is safe for concurrent use, and is what the
// rest of the program sees. All work shares one control connection as long as
// nothing has to wait for it; when work waits, the pool opens more, up to
// Config.Connections or to the limit that the server turns out to have. A
// transfer gives its connection back to more urgent work (see [Lane]) and is
// opened again where it ended, so everything works with a single connection.
// Nothing waits for a second connection while it holds one.
//
// # Changes
//
// A command that changes something is sent again if its connection breaks, and
// the refusal of what the first try had done already is success. What can not
// be found out is ErrInDoubt. Refusals get their meaning by a second look, and
// [Final] says which of them last.
//
// An [Upload] keeps little content until Commit; then command, content and what
// belongs to it go out at once. More is sent as it comes. Uploads are never
// asked to give way.
//
// # What is never trusted
//
// Only one function makes command lines, Conn.line; it refuses CR, LF and
// NUL. Replies are bounded in length. A data connection always goes to the
// host of the control connection, whatever address the server names. Names
// from listings that a file system could not hold are dropped and make the
// listing incomplete.
//
// # Paths and units
//
// Paths are absolute within the mount: "/" is Config.Root on the server.
// Names are UTF-8 if Config.Charset is set and the server's bytes otherwise.
// Sizes and offsets are bytes.
//
// # Locks
//
// Pool.mu is innermost but for the trace's own; nothing is sent or awaited
// while it is held. stream.mu may be held when Pool.mu is taken, never the
// other way round.
package ftpconn
