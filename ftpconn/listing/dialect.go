package listing

// Dialect names the form of a listing.
type Dialect uint8

// The dialects, in the order in which Auto tries them: those that are least
// likely to accept a line of another one come first.
const (
	Auto        Dialect = iota // the listing itself decides
	Unix                       // ls -l
	Facts                      // MLSD
	DOS                        // IIS, cmd.exe's dir
	EPLF                       // publicfile, anonftpd
	NetWare                    // trustee rights in brackets
	VMS                        // OpenVMS: MultiNet, UCX, TCPware
	OS400                      // IBM i
	OS2                        // IBM OS/2
	MVS                        // z/OS data sets, members, jobs
	ZVM                        // z/VM minidisks
	Tandem                     // HP NonStop, Guardian
	WFFTP                      // Nortel
	VxWorks                    // Wind River
	VShell                     // VanDyke VShell
	OS9                        // Microware OS-9
	Enterprise                 // Sterling Connect:Enterprise
	UnixNumbers                // mode, owner and time as plain numbers
	lastDialect = UnixNumbers
)

var dialectNames = [...]string{
	"auto", "unix", "mlsd", "dos", "eplf", "netware", "vms", "os400", "os2", "mvs", "zvm", "tandem",
	"wfftp", "vxworks", "vshell", "os9", "connect-enterprise", "unix-numbers",
}

// String returns the name that logs show.
func (d Dialect) String() string {
	if int(d) < len(dialectNames) {
		return dialectNames[d]
	}
	return "unknown"
}

// A reader reads one line, which is not blank. It fills in e only if it
// returns entry.
type reader func(p *Parser, line []byte, e *Entry) verdict

// readers is filled in by init, as the readers themselves refer to it.
var readers [lastDialect + 1]reader

func init() {
	readers = [...]reader{
		Auto:        func(*Parser, []byte, *Entry) verdict { return no },
		Unix:        (*Parser).unix,
		Facts:       (*Parser).facts,
		DOS:         (*Parser).dosLine,
		EPLF:        (*Parser).eplf,
		NetWare:     (*Parser).netware,
		VMS:         (*Parser).vmsLine,
		OS400:       (*Parser).os400,
		OS2:         (*Parser).os2,
		MVS:         (*Parser).mvsLine,
		ZVM:         (*Parser).zvm,
		Tandem:      (*Parser).tandem,
		WFFTP:       (*Parser).wfftp,
		VxWorks:     (*Parser).vxworks,
		VShell:      (*Parser).vshell,
		OS9:         (*Parser).os9,
		Enterprise:  (*Parser).enterprise,
		UnixNumbers: (*Parser).unixNumbers,
	}
}
