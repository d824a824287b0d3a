/*
 * peer.c - csyft-bench-peer: the servers that `csyft bench` measures itself against. No csyft in it: it takes
 * bytes, keeps them, and sends as many back as it was told to. Run by the bench only.
 */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "tcp") == 0) {
        return peer_serve_tcp((unsigned)atoi(argv[2]));
    }
    if (argc == 3 && strcmp(argv[1], "ws") == 0) {
        return peer_serve_websocket();
    }
    fprintf(stderr, "usage: csyft-bench-peer tcp|ws SPIN_US\n");
    return 2;
}
