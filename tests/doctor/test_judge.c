/* Clusters of any kind are judged from their facts: what is wrong is named, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "doctor/facts.h"

enum { NODES = 4, EACH = 2, RANKS = NODES * EACH };

static rr_facts facts[RANKS];
static rr_examination examination;
static rr_buffer text;

/* Four good nodes with two ranks each, a core for every rank. */
static void good_cluster(void) {
    memset(facts, 0, sizeof facts);
    for (size_t rank = 0; rank < RANKS; rank++) {
        rr_facts *f = &facts[rank];
        f->place.node = rank / EACH;
        snprintf(f->place.host, sizeof f->place.host, "node%zu", 1 + rank / EACH);
        f->local_rank = rank % EACH;
        f->local_size = EACH;
        snprintf(f->cpu, sizeof f->cpu, "CPU 9000");
        snprintf(f->blas, sizeof f->blas, "OpenBLAS");
        f->isa_best = f->isa_used = RR_ISA_AVX2;
        f->fma_gflops = 100;
        f->product_gflops = 90;
        f->copy_gb_s = 10;
        f->flushes = true;
        f->cores.words[0] = (uint64_t)1 << rank % EACH;
        f->host_threads = 2;
        f->quota_cores = f->group_room = f->address_limit = f->locked_limit = f->file_limit = INFINITY;
        f->memory = f->memory_free = 64e9;
        f->shared = f->shared_free = 32e9;
        snprintf(f->file_system, sizeof f->file_system, "nfs4 on server:/runs");
        snprintf(f->folder, sizeof f->folder, "runs");
        f->disk_free = 1e12;
        f->written = 100e6;
        f->write_s = 0.1;
        f->sync_s = 0.1;
        f->rename_s = 0.01;
        f->sees_marker = true;
        snprintf(f->launcher, sizeof f->launcher, "mpirun");
        f->peers = RANKS;
        f->job_nodes = f->job_tasks = f->job_cores_a_task = f->job_left_s = f->job_memory = NAN;
        snprintf(f->transport, sizeof f->transport, "pml ob1; btl tcp");
        snprintf(f->interface, sizeof f->interface, "eth0");
        f->interface_bits_s = 10e9;
        f->faster_bits_s = NAN;
        if (f->local_rank == 0 && rank + EACH < RANKS) {
            f->link_count = 1;
            f->links[0] = (rr_fact_link){rank + EACH, {20e-6, 1.1e9}};
        }
    }
    examination.folder = "runs";
    examination.has_config = true;
    examination.threads = 1;
    examination.rank_bytes = 1e9;
    examination.gradient_bytes = 2e8;
    examination.checkpoint_bytes = 6e8;
    examination.checkpoints_kept = 3;
    examination.max_minutes = NAN;
}

/* The text of all findings; what they are worth goes to *worst. */
static const char *judge(rr_finding *worst) {
    rr_patients patients = {facts, RANKS, NODES};
    rr_report *report = rr_report_create();
    rr_judge_launch(&examination, &patients, report);
    rr_judge_cores(&examination, &patients, report);
    rr_judge_memory(&examination, &patients, report);
    rr_judge_processor(&examination, &patients, report);
    rr_judge_network(&examination, &patients, report);
    rr_judge_files(&examination, &patients, report);
    *worst = rr_report_worst(report);
    rr_buffer_clear(&text);
    rr_report_write_text(report, &text);
    rr_report_free(report);
    const char *verdict = strstr(rr_buffer_text(&text), "verdict\n");
    assert_non_null(verdict);
    return verdict;
}

/* One finding of this kind, with these words in it. */
static void expect(rr_finding kind, const char *words, const char *more) {
    rr_finding worst;
    const char *verdict = judge(&worst), *line = strchr(verdict, '\n') + 1, *second = strchr(line, '\n') + 1;
    if (strstr(verdict, words) == NULL || strstr(verdict, more) == NULL) print_error("%s", verdict);
    assert_non_null(strstr(verdict, words));
    assert_non_null(strstr(verdict, more));
    assert_int_equal(worst, kind);
    assert_null(strstr(second, "warning: "));
    assert_null(strstr(second, "broken: "));
    good_cluster();
}

static void a_good_cluster_is_well(void **state) {
    rr_finding worst;
    (void)state;
    assert_string_equal(judge(&worst), "verdict\n  all is well\n");
    assert_int_equal(worst, RR_FINE);
}

static void what_is_slow_is_named(void **state) {
    (void)state;
    facts[5].fma_gflops = 60;
    expect(RR_WARNING, "rank 5 (node3)", "60 %");
    for (size_t rank = 0; rank < RANKS; rank++) facts[rank].product_gflops = 20;
    expect(RR_WARNING, "20 %", "OpenBLAS");
    facts[2].links[0].rates.bytes_per_s = 0.3e9;
    expect(RR_WARNING, "node2 and node3", "300 MB/s");
    facts[4].links[0].rates.latency_s = 500e-6;
    expect(RR_WARNING, "node3 and node4", "500 us");
    for (size_t rank = 0; rank < RANKS; rank++)
        if (facts[rank].link_count > 0) facts[rank].links[0].rates.bytes_per_s = 0.1e9;
    expect(RR_WARNING, "0.8 Gbit/s", "eth0 could 10");
    facts[0].write_s = 20;
    expect(RR_WARNING, "5.0 MB/s", "lasts 121 s");
    snprintf(facts[0].faster, sizeof facts[0].faster, "ib0");
    facts[0].faster_bits_s = 100e9;
    expect(RR_WARNING, "ib0 (100 Gbit/s)", "btl_tcp_if_include");
}

static void cores_that_lack_or_are_shared_are_named(void **state) {
    (void)state;
    facts[2].cores.words[0] = facts[3].cores.words[0] = 1;
    expect(RR_WARNING, "node2 has 2 ranks on 1 core", "--bind-to core");
    facts[2].cores.words[0] = 3;
    expect(RR_WARNING, "ranks 2 and 3 on node2 share core 1", "bind");
    facts[6].quota_cores = 1.5;
    expect(RR_WARNING, "node4 allows 1.5 cores", "cpu.max");
    facts[4].load = 2.5;
    expect(RR_WARNING, "others compute on node3", "2.5");
    examination.threads = 2;
    facts[0].cores.words[0] = facts[1].cores.words[0] = 3;
    for (size_t rank = 0; rank < RANKS; rank++) facts[rank].cores.words[0] = rank % 2 == 0 ? 3 : 12;
    facts[4].cores.words[0] = 1;
    expect(RR_WARNING, "rank 4 (node3) has dist.threads_per_rank 2 and may run on 1 core", "PE=2");
}

static void memory_and_files_are_weighed(void **state) {
    (void)state;
    facts[2].memory_free = 1.5e9;
    expect(RR_WARNING, "2 ranks on node2 need 1907 MiB", "1431 are available");
    facts[4].group_room = 1e9;
    expect(RR_WARNING, "on node3", "in its control group");
    facts[6].shared_free = 64 << 20;
    expect(RR_WARNING, "/dev/shm on node4 has 64 MiB", "381");
    facts[0].address_limit = 5e8;
    expect(RR_BROKEN, "ulimit -v", "477");
    facts[0].disk_free = 2e9;
    expect(RR_WARNING, "1907 MiB are free", "2861");
    facts[0].file_limit = 1e8;
    expect(RR_BROKEN, "ulimit -f", "95");
    snprintf(facts[0].cannot, sizeof facts[0].cannot, "runs/x: Read-only file system");
    expect(RR_BROKEN, "nothing can be saved", "Read-only");
    facts[7].sees_marker = false;
    expect(RR_WARNING, "node4 does not see", "shared folder");
    facts[1].sees_marker = false; /* on the node of rank 0: no other node would miss it */
    rr_finding worst;
    judge(&worst);
    assert_int_equal(worst, RR_FINE);
    good_cluster();
    snprintf(facts[0].file_system, sizeof facts[0].file_system, "tmpfs on tmpfs");
    expect(RR_WARNING, "lies in memory", "runs");
}

static void wrong_numbers_and_wrong_launchers_are_broken(void **state) {
    (void)state;
    snprintf(facts[3].wrong, sizeof facts[3].wrong, "products are wrong");
    expect(RR_BROKEN, "rank 3 (node2): products are wrong", "1 thing is broken");
    facts[1].flushes = false;
    expect(RR_BROKEN, "1 rank does not flush denormals", "bits");
    facts[0].peers = 2 * RANKS;
    expect(RR_BROKEN, "started 16 ranks", "found 8");
    snprintf(facts[0].deaf, sizeof facts[0].deaf, "SIGUSR1");
    expect(RR_WARNING, "SIGUSR1 cannot reach", "trap");
    for (size_t rank = 0; rank < RANKS; rank++) facts[rank].isa_best = RR_ISA_AVX512;
    expect(RR_WARNING, "holds the kernels at AVX2", "AVX-512");
    snprintf(facts[6].cpu, sizeof facts[6].cpu, "CPU 8000");
    expect(RR_WARNING, "node4 has another processor (CPU 8000) than node1", "one kind");
}

static void limits_of_a_job_are_compared_with_the_run(void **state) {
    (void)state;
    for (int turn = 0; turn < 4; turn++) {
        snprintf(facts[0].job, sizeof facts[0].job, "42");
        facts[0].job_left_s = turn < 2 ? 3600 : NAN;
        examination.max_minutes = turn == 1 ? 90 : NAN;
        if (turn == 0) expect(RR_WARNING, "is not set: set it to 58", "60 minutes");
        if (turn == 1) expect(RR_WARNING, "lets the run go on longer", "58");
        facts[0].job_nodes = 6;
        if (turn == 2) expect(RR_WARNING, "6 nodes, and ranks run on 4", "idle");
        facts[0].job_nodes = 4;
        facts[0].job_cores_a_task = 1;
        examination.threads = 2;
        for (size_t rank = 0; rank < RANKS; rank++) facts[rank].cores.words[0] = (uint64_t)3 << 2 * (rank % EACH);
        if (turn == 3) {
            snprintf(facts[0].job, sizeof facts[0].job, "42");
            expect(RR_WARNING, "--cpus-per-task=2", "1 cores");
        }
        good_cluster();
    }
}

static int set_up(void **state) {
    (void)state;
    good_cluster();
    return rr_comm_alone(&examination.comm);
}

static int tear_down(void **state) {
    (void)state;
    rr_buffer_free(&text);
    rr_comm_close(examination.comm);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_cluster_is_well),
        cmocka_unit_test(what_is_slow_is_named),
        cmocka_unit_test(cores_that_lack_or_are_shared_are_named),
        cmocka_unit_test(memory_and_files_are_weighed),
        cmocka_unit_test(wrong_numbers_and_wrong_launchers_are_broken),
        cmocka_unit_test(limits_of_a_job_are_compared_with_the_run),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
