#ifndef MULTIHEAD_BASE_STATUS_H
#define MULTIHEAD_BASE_STATUS_H

/*
 * How a function says that the world failed: it returns a status and keeps one message.
 *
 * A broken precondition is a bug and asserts; a failing MPI call ends the job; everything else (files, memory,
 * formats, options, numbers that are not finite) comes back as mh_status. The top of the program prints the
 * message once.
 */

/* Ordered by severity: ranks that disagree settle on the largest. */
typedef enum {
    MH_OK = 0,
    MH_STOPPED,     /* no failure: it was asked to stop, and can go on another time: exit code 75 */
    MH_ERR_USAGE,   /* the command line or a configuration is wrong: exit code 2 */
    MH_ERR_FORMAT,  /* a file is there but is not what it should be              */
    MH_ERR_IO,      /* a file or folder cannot be read or written                */
    MH_ERR_NUMERIC, /* a loss or gradient is not finite                          */
    MH_ERR_MEMORY   /* no memory                                                 */
} mh_status;

/** Keeps the message with file and line of the caller and returns `code`. */
#define MH_FAIL(code, ...) mh_status_fail((code), __FILE__, __LINE__, __VA_ARGS__)

/** Runs `call` and leaves for `cleanup` unless it returned MH_OK. Needs a local `mh_status status`. */
#define MH_TRY(call)                                                                                         \
    do {                                                                                                     \
        status = (call);                                                                                     \
        if (status != MH_OK)                                                                                 \
            goto cleanup;                                                                                    \
    } while (0)

enum { MH_STATUS_MESSAGE_BYTES = 1024 };

__attribute__((format(printf, 4, 5))) mh_status mh_status_fail(mh_status code, const char *file, int line,
                                                               const char *format, ...);

/** The message of the last failure, without file and line. Valid until the next MH_FAIL. Never NULL. */
const char *mh_status_message(void);

/** Where in the source the last failure was raised, "file:line": for debuggers and tests. */
const char *mh_status_origin(void);

/** Replaces the message: for a failure that another rank reported. */
void mh_status_set_message(const char *text);

/** 0 done, 1 failed, 2 wrong usage, 75 stopped early. */
int mh_status_exit_code(mh_status status);

#endif
