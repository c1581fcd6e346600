package main

import (
	"fmt"
	"strings"
)

const handHelp = `What you type goes to the server as it is. A whole session by hand:

  USER ftp            who you are; "ftp" or "anonymous" where anyone may in
  PASS ftp            the password (typed alone on a terminal: without echo)
  PASV                asks for a port; ftpfs works it out and connects
  LIST                the directory, through that connection
  PASV                each transfer needs a connection of its own
  RETR test.txt       a file; RETR test.txt > copy.txt stores it here
  QUIT                the end

Lines begin with > for what you type (when it is not typed at a terminal),
< for what the server says, = for what ftpfs explains.
"help" and a command tells more of it: USER PASS PASV EPSV PORT EPRT LIST NLST
MLSD RETR REST STOR SIZE MDTM CWD PWD TYPE FEAT STAT AUTH PBSZ PROT NOOP QUIT.
"exit" leaves without a word to the server.
`

// handTopics tells of single commands. The numbers are of RFCs.
var handTopics = map[string]string{
	"USER": "USER name: who logs in. 331 asks for PASS, 230 does without. (959, 4.1.1)",
	"PASS": "PASS password: 230 means that you are in, 530 that you are not. It goes over the wire in clear, unless AUTH TLS came first. (959, 4.1.1)",
	"PASV": "PASV: the server opens a port and names it in six numbers: four of its address, two of the port, high·256 + low. (959, 4.1.2)",
	"EPSV": "EPSV: as PASV, but the reply has only the port, and IPv6 works. (2428, 3)",
	"PORT": "PORT h1,h2,h3,h4,p1,p2: active mode, the other way round: ftpfs listens at this address of yours, and the server connects to it. For port 51210 of 127.0.0.1: PORT 127,0,0,1,200,10. (959, 4.1.2)",
	"EPRT": "EPRT |1|address|port|: as PORT, also for IPv6 with |2|. (2428, 2)",
	"LIST": "LIST [directory]: a listing for people, in whatever form the server likes. Needs PASV before. (959, 4.1.3)",
	"NLST": "NLST [directory]: names only. Needs PASV before. (959, 4.1.3)",
	"MLSD": "MLSD [directory]: a listing for programs: type, size, time of each name. Needs PASV before. (3659, 7)",
	"RETR": "RETR name [> file]: a file's content. Needs PASV before; TYPE I keeps the bytes as they are. (959, 4.1.3)",
	"REST": "REST offset: the next RETR begins there. Needs TYPE I. (3659, 5)",
	"STOR": "STOR name < file: sends a local file. Needs PASV before. (959, 4.1.3)",
	"SIZE": "SIZE name: how many bytes RETR would send, in the type that is set. (3659, 4)",
	"MDTM": "MDTM name: when the file was changed, in UTC, as YYYYMMDDHHMMSS. (3659, 3)",
	"CWD":  "CWD directory: goes there. (959, 4.1.1)",
	"PWD":  "PWD: tells where you are, in quotes. (959, 4.1.3)",
	"TYPE": "TYPE I: bytes as they are. TYPE A, the default: text, whose line ends may change. (959, 3.1.1)",
	"FEAT": "FEAT: what the server can do beyond RFC 959. (2389, 3)",
	"STAT": "STAT: how the server is. STAT directory: its listing, on the control connection. (959, 4.1.3)",
	"AUTH": "AUTH TLS: after the reply 234 both sides begin TLS; ftpfs does its part and checks the certificate. (4217, 4)",
	"PBSZ": "PBSZ 0: a formality that must come before PROT. (4217, 8)",
	"PROT": "PROT P: data connections get TLS too; PROT C: they do not. (4217, 9)",
	"NOOP": "NOOP: nothing, but the server has to say so. (959, 4.1.3)",
	"QUIT": "QUIT: the end; 221 is the goodbye. (959, 4.1.1)",
}

func (h *hand) help(topic string) {
	text := handHelp
	if topic = strings.ToUpper(strings.TrimSpace(topic)); topic != "" {
		var ok bool
		if text, ok = handTopics[topic]; !ok {
			text = fmt.Sprintf("There is no help on %s here. The command can be sent all the same.", clipText(topic))
		}
		text += "\n"
	}
	_, _ = fmt.Fprint(h.out, text)
}
