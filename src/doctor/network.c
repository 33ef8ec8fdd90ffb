/*
 * How ranks reach each other: the transport, the interface that messages really go through, and the links of a ring of
 * nodes. Pairs that have no node in common are measured at once; so it takes as long on two nodes as on a thousand.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/facts.h"
#include "doctor/interfaces.h"
#include "doctor/system.h"

enum { TURNS = 4 };
static const double LEAST_SENT = 1e5;                                    /* bytes that show which interface is used */
static const double SLOW_LINK = 0.5, FAR = 3, FAR_S = 30e-6, POOR = 0.6; /* of the median; of the interface's rate */

/* Components of Open MPI stay loaded only where they were chosen: "pml ob1; btl self, tcp, vader". */
static void find_transport(char *out, size_t size) {
    static const char *const kinds[] = {"pml", "mtl", "btl"};
    rr_buffer maps = {0}, text = {0};
    rr_system_read("/proc/self/maps", &maps);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        char mark[32], seen[512] = ",";
        size_t count = 0;
        snprintf(mark, sizeof mark, "/mca_%s_", kinds[k]);
        for (const char *at = rr_buffer_text(&maps); (at = strstr(at, mark)) != NULL;) {
            char name[40], listed[48];
            at += strlen(mark);
            snprintf(name, sizeof name, "%.*s", (int)strcspn(at, ".\n"), at);
            snprintf(listed, sizeof listed, ",%s,", name);
            if (strstr(seen, listed) != NULL || strlen(seen) + strlen(listed) >= sizeof seen) continue;
            snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s", listed + 1);
            rr_buffer_printf(&text, "%s%s%s",
                             text.length == 0 ? ""
                             : count == 0     ? "; "
                                              : ", ",
                             count == 0 ? kinds[k] : "", count == 0 ? " " : "");
            rr_buffer_puts(&text, name);
            count++;
        }
    }
    snprintf(out, size, "%s", text.length > 0 ? rr_buffer_text(&text) : "not known");
    rr_buffer_free(&maps);
    rr_buffer_free(&text);
}

/* The first rank of every node. */
static rr_status find_firsts(const rr_examination *examination, double **out) {
    rr_comm *comm = examination->comm;
    size_t nodes = rr_comm_nodes(comm);
    double *firsts = calloc(nodes, sizeof *firsts);
    rr_status status =
        rr_comm_agree(comm, firsts != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for %zu nodes", nodes));
    if (status == RR_OK && firsts != NULL) {
        if (rr_comm_local_rank(comm) == 0) firsts[rr_comm_node(comm)] = (double)rr_comm_rank(comm);
        status = rr_comm_sum_disjoint(comm, firsts, nodes);
    }
    if (status != RR_OK) {
        free(firsts);
        return status;
    }
    *out = firsts;
    return RR_OK;
}

/* The node that this one exchanges messages with in a turn; itself: none. Links of a ring in three turns, a far pair.
 */
static size_t partner_of(size_t node, size_t nodes, size_t turn) {
    size_t last = nodes - 1, half = nodes / 2;
    if (turn < 2) {
        size_t lower = node % 2 == turn ? node : node - 1;
        if (node == 0 && turn == 1) return node;
        return lower + 1 > last ? node : node == lower ? lower + 1 : lower;
    }
    if (turn == 2) return nodes < 3 || (node != 0 && node != last) ? node : last - node;
    if (nodes < 4 || (node != 0 && node != half)) return node;
    return node == 0 ? half : 0;
}

static rr_status measure(rr_comm *comm, size_t partner, rr_fact_link *out) {
    *out = (rr_fact_link){.partner = partner};
    return rr_link_measure(comm, partner, &out->rates);
}

static rr_status measure_nodes(rr_comm *comm, const double *firsts, rr_facts *facts) {
    for (size_t turn = 0; turn < TURNS; turn++) {
        size_t node = rr_comm_node(comm), other = partner_of(node, rr_comm_nodes(comm), turn);
        rr_status status = RR_OK;
        rr_fact_link link;
        if (rr_comm_local_rank(comm) == 0 && other != node) {
            status = measure(comm, (size_t)firsts[other], &link);
            if (status == RR_OK && rr_comm_rank(comm) < link.partner) facts->links[facts->link_count++] = link;
        }
        RR_TRY(rr_comm_rest(comm));
        RR_TRY(rr_comm_agree(comm, status));
    }
    return RR_OK;
}

static void name_interfaces(const rr_interface *before, const rr_interface *after, size_t count, rr_facts *facts) {
    size_t used = rr_interfaces_used(before, after, count, LEAST_SENT), fastest = rr_interfaces_fastest(after, count);
    facts->interface_bits_s = facts->faster_bits_s = NAN;
    if (used == count) return;
    snprintf(facts->interface, sizeof facts->interface, "%s", after[used].name);
    facts->interface_bits_s = after[used].bits_per_s;
    if (fastest == count || !(after[fastest].bits_per_s > 1.5 * after[used].bits_per_s)) return;
    snprintf(facts->faster, sizeof facts->faster, "%s", after[fastest].name);
    facts->faster_bits_s = after[fastest].bits_per_s;
}

rr_status rr_collect_network(const rr_examination *examination, rr_facts *facts) {
    rr_comm *comm = examination->comm;
    rr_interface before[RR_INTERFACES], after[RR_INTERFACES];
    double *firsts = NULL;
    rr_status status = RR_OK;
    if (rr_comm_size(comm) == 1) return RR_OK;
    /* The next rank of the node: a pair on each, all at once. */
    size_t local = rr_comm_local_rank(comm), rank = rr_comm_rank(comm);
    double second = 0;
    RR_TRY(find_firsts(examination, &firsts));
    double *seconds = calloc(rr_comm_nodes(comm), sizeof *seconds);
    status = rr_comm_agree(comm, seconds != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for a measurement"));
    if (status != RR_OK || seconds == NULL) goto free_all;
    if (local == 1) seconds[rr_comm_node(comm)] = (double)rank;
    status = rr_comm_sum_disjoint(comm, seconds, rr_comm_nodes(comm));
    if (status != RR_OK) goto free_all;
    second = seconds[rr_comm_node(comm)];
    if (rr_comm_local_size(comm) > 1 && local < 2)
        status = measure(comm, (size_t)(local == 0 ? second : firsts[rr_comm_node(comm)]), &facts->local);
    rr_comm_rest(comm);
    status = rr_comm_agree(comm, status);
    if (status != RR_OK) goto free_all;

    size_t count = rr_interfaces_read(before);
    status = measure_nodes(comm, firsts, facts);
    if (rr_interfaces_read(after) == count && rr_comm_nodes(comm) > 1) name_interfaces(before, after, count, facts);
    find_transport(facts->transport, sizeof facts->transport);
free_all:
    free(firsts);
    free(seconds);
    return status;
}

/* Links of all ranks, sorted. */
typedef struct link_list {
    const rr_facts *all;
    struct named_link {
        size_t rank;
        const rr_fact_link *link;
    } * links;
    size_t count;
} link_list;

static int by_rate(const void *a, const void *b) {
    double x = ((const struct named_link *)a)->link->rates.bytes_per_s;
    double y = ((const struct named_link *)b)->link->rates.bytes_per_s;
    return (x > y) - (x < y);
}

static int by_latency(const void *a, const void *b) {
    double x = ((const struct named_link *)a)->link->rates.latency_s;
    double y = ((const struct named_link *)b)->link->rates.latency_s;
    return (x > y) - (x < y);
}

static void judge_links(link_list *list, rr_report *report, rr_link_rates *median) {
    const rr_facts *all = list->all;
    qsort(list->links, list->count, sizeof *list->links, by_latency);
    struct named_link nearest = list->links[0], farthest = list->links[list->count - 1];
    median->latency_s = list->links[list->count / 2].link->rates.latency_s;
    qsort(list->links, list->count, sizeof *list->links, by_rate);
    struct named_link slowest = list->links[0], fastest = list->links[list->count - 1];
    median->bytes_per_s = list->links[list->count / 2].link->rates.bytes_per_s;
    rr_report_line(
        report, "%zu link%s between nodes: latency %.0f us (%.0f to %.0f), each way %.0f MB/s (%.0f to %.0f)",
        list->count, list->count == 1 ? "" : "s", 1e6 * median->latency_s, 1e6 * nearest.link->rates.latency_s,
        1e6 * farthest.link->rates.latency_s, 1e-6 * median->bytes_per_s, 1e-6 * slowest.link->rates.bytes_per_s,
        1e-6 * fastest.link->rates.bytes_per_s);
    if (slowest.link->rates.bytes_per_s < SLOW_LINK * median->bytes_per_s)
        rr_report_finding(report, RR_WARNING,
                          "the link between %s and %s carries %.0f MB/s, half of the median or less, and a ring is as "
                          "fast as its slowest link: look at cable and port, or leave one of them out (--exclude)",
                          all[slowest.rank].place.host, all[slowest.link->partner].place.host,
                          1e-6 * slowest.link->rates.bytes_per_s);
    if (farthest.link->rates.latency_s > FAR * median->latency_s + FAR_S)
        rr_report_finding(report, RR_WARNING,
                          "messages between %s and %s take %.0f us, where the median is %.0f: are they far apart in "
                          "the network, or is one of them busy?",
                          all[farthest.rank].place.host, all[farthest.link->partner].place.host,
                          1e6 * farthest.link->rates.latency_s, 1e6 * median->latency_s);
}

static void judge_interface(const rr_patients *patients, const rr_link_rates *median, rr_report *report) {
    const rr_facts *facts = &patients->all[0];
    rr_report_text(report, "interface", facts->interface);
    rr_report_number(report, "interface_gbit_per_s", 1e-9 * facts->interface_bits_s);
    if (facts->interface[0] == 0)
        rr_report_line(report, "messages between nodes show on no network interface");
    else if (isnan(facts->interface_bits_s))
        rr_report_line(report, "messages between nodes go through %s", facts->interface);
    else
        rr_report_line(report, "messages between nodes go through %s, %.3g Gbit/s", facts->interface,
                       1e-9 * facts->interface_bits_s);
    if (facts->faster[0] != 0)
        rr_report_finding(
            report, RR_WARNING,
            "messages go through %s (%.3g Gbit/s), and %s (%.3g Gbit/s) is up too: choose it, over TCP by "
            "mpirun --mca btl_tcp_if_include",
            facts->interface, 1e-9 * facts->interface_bits_s, facts->faster, 1e-9 * facts->faster_bits_s);
    if (median->bytes_per_s * 8 < POOR * facts->interface_bits_s)
        rr_report_finding(report, RR_WARNING, "a link carries %.3g Gbit/s each way, and %s could %.3g",
                          8e-9 * median->bytes_per_s, facts->interface, 1e-9 * facts->interface_bits_s);
}

void rr_judge_network(const rr_examination *examination, const rr_patients *patients, rr_report *report) {
    const rr_facts *first = &patients->all[0];
    link_list list = {.all = patients->all};
    rr_link_rates median = {.latency_s = NAN, .bytes_per_s = NAN};
    (void)examination;
    rr_report_section(report, "network");
    if (patients->count == 1) {
        rr_report_line(report, "one rank: nothing to measure");
        return;
    }
    rr_report_text(report, "transport", first->transport);
    rr_report_line(report, "%s", first->transport);
    if (first->local.rates.bytes_per_s > 0) {
        rr_report_number(report, "local_latency_us", 1e6 * first->local.rates.latency_s);
        rr_report_number(report, "local_mb_per_s", 1e-6 * first->local.rates.bytes_per_s);
        rr_report_line(report, "two ranks of a node: latency %.1f us, each way %.0f MB/s",
                       1e6 * first->local.rates.latency_s, 1e-6 * first->local.rates.bytes_per_s);
    }
    if (patients->nodes == 1) return;
    list.links = malloc(patients->count * RR_FACT_LINKS * sizeof *list.links);
    for (size_t rank = 0; rank < patients->count && list.links != NULL; rank++)
        for (size_t i = 0; i < patients->all[rank].link_count; i++) {
            const rr_fact_link *link = &patients->all[rank].links[i];
            list.links[list.count++] = (struct named_link){rank, link};
            const rr_report_cell cells[] = {{"rank", (double)rank},
                                            {"partner", (double)link->partner},
                                            {"latency_us", 1e6 * link->rates.latency_s},
                                            {"mb_per_s", 1e-6 * link->rates.bytes_per_s}};
            rr_report_row(report, "links", cells, sizeof cells / sizeof *cells);
        }
    if (list.count > 0) judge_links(&list, report, &median);
    rr_report_number(report, "latency_us", 1e6 * median.latency_s);
    rr_report_number(report, "mb_per_s", 1e-6 * median.bytes_per_s);
    judge_interface(patients, &median, report);
    free(list.links);
}
