// Why a file could not be opened or written, in words for who has to mend it. Any thread but one
// that may not wait: users are looked up.
#ifndef RINGCAST_BASE_FILE_ERROR_H
#define RINGCAST_BASE_FILE_ERROR_H

enum { FILE_ERROR_SIZE = 160 };

// What strerror says of `error`, as whom we were not allowed, and what a service's sandbox looks
// like. Stands in `text`, which is returned.
const char *file_error(int error, char text[FILE_ERROR_SIZE]);

#endif
