/* Feeds every file of a folder to a fuzz target: what was found once stays found. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv) {
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (folder == NULL) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    size_t count = 0;
    rr_buffer path = {0}, content = {0};
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.') continue;
        rr_buffer_clear(&path);
        rr_buffer_printf(&path, "%s/%s", argv[1], entry->d_name);
        if (rr_file_read(rr_buffer_text(&path), &content) != RR_OK) {
            fprintf(stderr, "%s\n", rr_last_error());
            return 1;
        }
        printf("%s (%zu bytes)\n", entry->d_name, content.length);
        fflush(stdout); /* the last line names the file that broke it */
        LLVMFuzzerTestOneInput((const uint8_t *)rr_buffer_text(&content), content.length);
        count++;
    }
    closedir(folder);
    rr_buffer_free(&path);
    rr_buffer_free(&content);
    if (count == 0) fprintf(stderr, "%s holds no inputs\n", argv[1]);
    return count > 0 ? 0 : 1;
}
