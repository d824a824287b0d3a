/* What a user's first program needs from an installed csyft: a header found, a symbol linked, a library loaded. */
#include <csyft/context.h>
#include <csyft/version.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
    if (strcmp(sy_version(), SY_VERSION_STRING) != 0) {
        fprintf(stderr, "header %s, library %s\n", SY_VERSION_STRING, sy_version());
        return 1;
    }
    sy_context *context = NULL;
    sy_error error = SY_ERROR_INIT;
    if (sy_context_new(&context, NULL, &error) != SY_OK) {
        fprintf(stderr, "sy_context_new failed\n");
        return 1;
    }
    sy_context_free(context);
    printf("csyft %s\n", sy_version());
    return 0;
}
