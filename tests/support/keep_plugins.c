/* Open MPI's plugins stay loaded until the leak check at exit, so that the suppressions in tests/lsan.supp find their
 * names. */
#include <dlfcn.h>

int dlclose(void *handle) {
    (void)handle;
    return 0;
}
