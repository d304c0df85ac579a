# SPDX-License-Identifier: Apache-2.0
"""certificates - an authority of the tests' own, and certificates good and bad, by openssl."""

import subprocess

KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
# What `openssl ca` wants to know; only it can sign for a time that is over.
CA_CONFIG = """
[ca]
default_ca = d
[d]
database = index.txt
new_certs_dir = .
serial = serial
default_md = sha256
policy = p
[p]
commonName = supplied
"""


def make(folder):
    """Fill a folder with an authority (ca.pem) and, for each name, NAME.pem (key and certificate),
    NAME.key and NAME.crt: good, expired, wrong (for wrong.test), stranger (of another authority)
    and self. All but `wrong` are for localhost."""

    def openssl(command):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)

    def request(name, host):
        openssl(f"req {KEY} -subj /CN={host} -keyout {name}.key -out {name}.csr")
        (folder / f"{name}.ext").write_text(f"subjectAltName=DNS:{host}\n")

    def sign(name, ca="ca"):
        authority = f"-CA {ca}.pem -CAkey {ca}.key -days 20"
        openssl(f"x509 -req -in {name}.csr {authority} -extfile {name}.ext -out {name}.crt")

    for ca in ("ca", "other"):
        openssl(f"req -x509 {KEY} -days 30 -subj /CN=tests-{ca} -keyout {ca}.key -out {ca}.pem")
    for name, host in (("good", "localhost"), ("wrong", "wrong.test"), ("stranger", "localhost")):
        request(name, host)
        sign(name, "other" if name == "stranger" else "ca")

    request("expired", "localhost")
    for name, text in (("index.txt", ""), ("serial", "77\n"), ("ca.cnf", CA_CONFIG)):
        (folder / name).write_text(text)
    openssl(
        "ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in expired.csr -notext"
        " -startdate 200101000000Z -enddate 200102000000Z -extfile expired.ext -out expired.crt"
    )

    openssl(
        f"req -x509 {KEY} -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
        " -keyout self.key -out self.crt"
    )
    for name in ("good", "expired", "wrong", "stranger", "self"):
        parts = [(folder / f"{name}.{kind}").read_text() for kind in ("key", "crt")]
        (folder / f"{name}.pem").write_text("".join(parts))
    return folder
