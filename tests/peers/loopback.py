"""Keeps peers that can only listen on every address on loopback: a preloaded ``bind``."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.peers.network import absent

# Neither Orthanc 1.10 nor dcmqrscp can be told an address to listen on: preloaded, this turns any into loopback.
_LOOPBACK_ONLY = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int bind(int descriptor, const struct sockaddr *address, socklen_t length)
{
    int (*real_bind)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
    if (address->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in here;
        memcpy(&here, address, sizeof here);
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return real_bind(descriptor, (const struct sockaddr *)&here, sizeof here);
    }
    if (address->sa_family == AF_INET6 && length >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 here;
        memcpy(&here, address, sizeof here);
        here.sin6_addr = in6addr_loopback;
        return real_bind(descriptor, (const struct sockaddr *)&here, sizeof here);
    }
    return real_bind(descriptor, address, length);
}
"""


def client_environment() -> dict[str, str]:
    """Environment for a dcmtk tool: without the 40 ms per object that its default socket options cost on loopback."""
    return {**os.environ, "LC_ALL": "C.UTF-8", "TCP_NODELAY": "1"}


def loopback_environment(folder: Path) -> dict[str, str]:
    """Environment for a peer that listens: on loopback only. What is preloaded is built in ``folder``."""
    if shutil.which("gcc") is None:
        absent("gcc (needed to keep DICOM peers on loopback)")
    source, library = folder / "loopback.c", folder / "loopback.so"
    source.write_text(_LOOPBACK_ONLY, encoding="ascii")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    return {**client_environment(), "LD_PRELOAD": str(library)}
