/* The version of the library that this header belongs to. */
#ifndef RINGRNN_VERSION_H
#define RINGRNN_VERSION_H

#define RINGRNN_VERSION "0.1.0"

#endif
