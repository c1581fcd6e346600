package realserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// setups write the configuration and say how each program is started.
var setups = map[Kind]func(s *Server, base string, o Options) error{
	VSFTPD: vsftpd, ProFTPD: proftpd, PureFTPd: pureftpd, PyFTPDLib: pyftpdlib,
}

func vsftpd(s *Server, base string, o Options) error {
	empty := filepath.Join(s.dir, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		return err
	}
	// The user for anonymous sessions needs a home that exists; Debian's
	// "daemon" has one everywhere.
	conf := fmt.Sprintf(`listen=YES
listen_address=%s
listen_port=%d
background=NO
anonymous_enable=YES
local_enable=NO
anon_root=%s
ftp_username=daemon
nopriv_user=nobody
secure_chroot_dir=%s
seccomp_sandbox=NO
max_per_ip=%d
`, s.Host, s.Port, o.Root, empty, o.MaxPerClient)
	if o.TLS {
		// require_ssl_reuse is YES unless it is told otherwise.
		conf += fmt.Sprintf(`ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
ssl_ciphers=HIGH
rsa_cert_file=%s
rsa_private_key_file=%s
`, s.CAFile, s.keyFile)
	}
	file, err := s.write("vsftpd.conf", conf)
	s.args = []string{filepath.Join(base, "usr/sbin/vsftpd"), file}
	return err
}

func proftpd(s *Server, base string, o Options) error {
	limit := ""
	if o.MaxPerClient > 0 {
		limit = fmt.Sprintf("MaxClientsPerHost %d\n", o.MaxPerClient)
	}
	protection := ""
	if o.TLS {
		protection = fmt.Sprintf(`LoadModule mod_tls.c
TLSEngine on
TLSRequired on
TLSProtocol TLSv1.2 TLSv1.3
TLSECCertificateFile %[1]s
TLSECCertificateKeyFile %[2]s
TLSLog %[3]s/tls.log
`, s.CAFile, s.keyFile, s.dir)
	}
	conf := fmt.Sprintf(`ServerType standalone
ServerName test
UseIPv6 off
DefaultAddress %s
Port %d
SocketBindTight on
User nobody
Group nogroup
ModulePath %s
PidFile %[4]s/pid
ScoreboardFile %[4]s/scoreboard
DelayEngine off
WtmpLog off
SystemLog %[4]s/system.log
TransferLog none
RequireValidShell off
UseReverseDNS off
%[7]s%[6]s<Anonymous %[5]s>
  User nobody
  Group nogroup
  UserAlias anonymous nobody
  UserAlias ftp nobody
  RequireValidShell off
  %[6]s
</Anonymous>
`, s.Host, s.Port, filepath.Join(base, "usr/lib/proftpd"), s.dir, o.Root, limit, protection)
	file, err := s.write("proftpd.conf", conf)
	s.args = []string{filepath.Join(base, "usr/sbin/proftpd"), "-n", "-q", "-c", file}
	return err
}

// pureftpd gets a virtual user: anonymous ones would need the user "ftp" on
// the machine.
func pureftpd(s *Server, base string, o Options) error {
	s.User, s.Password = "joe", "secret"
	passwd, db := filepath.Join(s.dir, "passwd"), filepath.Join(s.dir, "pdb")
	cmd := exec.Command(filepath.Join(base, "usr/bin/pure-pw"), "useradd", s.User,
		"-f", passwd, "-F", db, "-u", "nobody", "-g", "nogroup", "-d", o.Root, "-m")
	cmd.Stdin = strings.NewReader(s.Password + "\n" + s.Password + "\n")
	cmd.Env = s.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pure-pw: %w: %s", err, out)
	}
	s.args = []string{filepath.Join(base, "usr/sbin/pure-ftpd"),
		"-S", fmt.Sprintf("%s,%d", s.Host, s.Port), "-l", "puredb:" + db,
		"-A", "-H", "-u", "1", "-g", filepath.Join(s.dir, "pid"), "-L", "20000:20", "-D"}
	if o.TLS {
		s.args = append(s.args, "-Y", "3", "-2", s.CAFile+","+s.keyFile)
	}
	if o.MaxPerClient > 0 {
		s.args = append(s.args, "-C", fmt.Sprint(o.MaxPerClient))
	}
	return nil
}

func pyftpdlib(s *Server, base string, o Options) error {
	handler, protection := "FTPHandler", ""
	if o.TLS {
		handler = "TLS_FTPHandler"
		protection = fmt.Sprintf(`
    certfile = %q
    keyfile = %q
    tls_control_required = True
    tls_data_required = True`, s.CAFile, s.keyFile)
	}
	script := fmt.Sprintf(`
import sys
sys.path.insert(0, %q)
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import %s
from pyftpdlib.servers import FTPServer
a = DummyAuthorizer()
a.add_anonymous(%q)
class H(%s):
    authorizer = a
    use_sendfile = False%s
server = FTPServer((%q, %d), H)
server.max_cons_per_ip = %d
server.serve_forever()
`, filepath.Join(base, "usr/lib/python3/dist-packages"), handler, o.Root, handler, protection, s.Host, s.Port, o.MaxPerClient)
	file, err := s.write("server.py", script)
	s.args = []string{"/usr/bin/python3", file}
	return err
}
