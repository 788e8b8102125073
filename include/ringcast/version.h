// The version of ringcast and of its public interface (semantic versioning).
#ifndef RINGCAST_VERSION_H
#define RINGCAST_VERSION_H

#define RC_VERSION_MAJOR  0
#define RC_VERSION_MINOR  1
#define RC_VERSION_PATCH  0
#define RC_VERSION_STRING "0.1.0"

#endif
