#include "dist/heartbeat.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "dist/comm_private.h"

enum { MOST_ADDRESSES = 8, MOST_PEERS = 32 };

/* Where a rank can be reached: a host may have several networks, and any of them will do. */
typedef struct address_list {
    uint32_t count;
    uint16_t port;                        /* as in sin_port; 0: there is no socket */
    struct in_addr hosts[MOST_ADDRESSES]; /* [count] */
} address_list;

/* As it travels. Ranks of a job are of one build. */
typedef struct datagram {
    uint64_t job;
    uint64_t rank;
    rr_beat beat;
} datagram;

struct rr_heart {
    int fd; /* -1: none */
    uint64_t job, rank;
    size_t ranks, peers;
    address_list to[MOST_PEERS]; /* [peers] of rank + 1, 2, 4 ... */
};

static void find_addresses(address_list *out) {
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0) return;
    for (int loopback = 0; loopback <= 1 && out->count == 0; loopback++)
        for (const struct ifaddrs *at = all; at != NULL && out->count < MOST_ADDRESSES; at = at->ifa_next) {
            bool is_loopback = (at->ifa_flags & IFF_LOOPBACK) != 0;
            if (at->ifa_addr == NULL || at->ifa_addr->sa_family != AF_INET || !(at->ifa_flags & IFF_UP)) continue;
            if (is_loopback != (loopback == 1)) continue;
            struct sockaddr_in address;
            memcpy(&address, at->ifa_addr, sizeof address);
            out->hosts[out->count++] = address.sin_addr;
        }
    freeifaddrs(all);
}

static int open_socket(address_list *out) {
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t size = sizeof any;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (bind(fd, (const struct sockaddr *)&any, sizeof any) != 0 ||
        getsockname(fd, (struct sockaddr *)&any, &size) != 0) {
        close(fd);
        return -1;
    }
    out->port = any.sin_port;
    return fd;
}

static size_t distance(size_t i) { return (size_t)1 << i; }

static rr_status exchange_addresses(const rr_comm *comm, const address_list *mine, rr_heart *heart) {
    static const char what[] = "exchanging addresses";
    RR_TRY(rr_mpi_check(MPI_Bcast(&heart->job, 1, MPI_UINT64_T, 0, comm->mpi), what));
    for (size_t i = 0; i < heart->peers; i++) {
        size_t to = (comm->rank + distance(i)) % comm->size, from = rr_heart_peer(heart, i);
        RR_TRY(rr_mpi_check(MPI_Sendrecv(mine, (int)sizeof *mine, MPI_BYTE, (int)from, (int)i, &heart->to[i],
                                         (int)sizeof heart->to[i], MPI_BYTE, (int)to, (int)i, comm->mpi,
                                         MPI_STATUS_IGNORE),
                            what));
        /* Within a node a cable that is cut does not matter. */
        if (comm->places[to].node == comm->node && heart->to[i].port != 0)
            heart->to[i] =
                (address_list){.count = 1, .port = heart->to[i].port, .hosts = {{.s_addr = htonl(INADDR_LOOPBACK)}}};
    }
    return RR_OK;
}

rr_status rr_heart_open(const rr_comm *comm, rr_heart **out) {
    address_list mine = {0};
    rr_heart *heart = calloc(1, sizeof *heart);
    if (heart == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the heartbeat");
    heart->rank = comm->rank;
    heart->ranks = comm->size;
    while (heart->peers < MOST_PEERS && distance(heart->peers) < comm->size) heart->peers++;
    /* Rank 0's names the job, so that datagrams of another one that had this port before are told apart. */
    struct {
        double now;
        long pid;
    } seed = {rr_clock_seconds(), (long)getpid()};
    heart->job = rr_hash64(&seed, sizeof seed, 0);
    heart->fd = open_socket(&mine);
    if (heart->fd >= 0) find_addresses(&mine);
    rr_status status = exchange_addresses(comm, &mine, heart);
    if (status != RR_OK) {
        rr_heart_close(heart);
        return status;
    }
    *out = heart;
    return RR_OK;
}

void rr_heart_close(rr_heart *heart) {
    if (heart == NULL) return;
    if (heart->fd >= 0) close(heart->fd);
    free(heart);
}

size_t rr_heart_peers(const rr_heart *heart) { return heart->peers; }

size_t rr_heart_peer(const rr_heart *heart, size_t i) {
    return (heart->rank + heart->ranks - distance(i)) % heart->ranks;
}

void rr_heart_send(const rr_heart *heart, const rr_beat *beat) {
    datagram message = {.job = heart->job, .rank = heart->rank, .beat = *beat};
    for (size_t i = 0; i < heart->peers && heart->fd >= 0; i++)
        for (size_t a = 0; a < heart->to[i].count; a++) {
            struct sockaddr_in to = {
                .sin_family = AF_INET, .sin_port = heart->to[i].port, .sin_addr = heart->to[i].hosts[a]};
            /* A network that is away is what the others will notice by their silence. */
            (void)sendto(heart->fd, &message, sizeof message, MSG_NOSIGNAL, (const struct sockaddr *)&to, sizeof to);
        }
}

bool rr_heart_receive(const rr_heart *heart, size_t *peer, rr_beat *beat) {
    datagram message;
    while (heart->fd >= 0) {
        ssize_t size = recv(heart->fd, &message, sizeof message, MSG_TRUNC);
        if (size < 0 && errno != EINTR && errno != ECONNREFUSED) return false;
        if (size != (ssize_t)sizeof message || message.job != heart->job) continue;
        for (size_t i = 0; i < heart->peers; i++)
            if (rr_heart_peer(heart, i) == message.rank) {
                *peer = i;
                *beat = message.beat;
                return true;
            }
    }
    return false;
}
