// Publishes a stream of events, as a program that produces an answer word by word would.
//     cc publish.c $(pkg-config --cflags --libs ringcast)
#include <ringcast/client.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "/run/ringcast/ringcast.sock";
    const char *words[] = {"Every", "event", "is", "published", "once."};
    struct rc_client *client;

    int code = rc_client_open(path, NULL, &client);
    if (code != RC_OK) {
        fprintf(stderr, "%s: %s (%s)\n", path, rc_code_text(code), strerror(errno));
        return 1;
    }
    for (int i = 0; i < 5 && code == RC_OK; i++) {
        struct rc_event event = {
            .stream = "chat/42", .type = "text", .data = words[i], .data_length = strlen(words[i])};
        code = rc_publish(client, &event, NULL, NULL); // does not wait
    }
    struct rc_result result = {0};
    if (code == RC_OK) {
        struct rc_event end = {
            .stream = "chat/42", .type = "complete", .data = "{}", .data_length = 2};
        code = rc_publish_wait(client, &end, &result, 5000); // waits for the acknowledgement
    }
    if (code == RC_OK) {
        printf("done: id %llu, sequence %llu\n", (unsigned long long)result.id,
               (unsigned long long)result.sequence);
    } else {
        fprintf(stderr, "%s: %s\n", rc_code_text(code), rc_message(client));
    }
    rc_close(client);
    return code == RC_OK ? 0 : 1;
}
