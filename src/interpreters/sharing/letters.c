#include "interpreters/sharing/letters.h"

#include "core/error.h"

void syi_sharing_drop_letter(sy_context *context, syi_letter **letter)
{
    if (*letter != NULL) {
        syi_array_fini(&(*letter)->bytes);
        syi_free(context, *letter, sizeof **letter);
        *letter = NULL;
    }
}

sy_status syi_sharing_own_letter(sy_worker *worker, syi_letter *letter, sy_error *err)
{
    syi_array *bytes = &letter->bytes;
    syi_array copy = SYI_ARRAY_INIT;
    if ((letter->own || atomic_load(&bytes->storage->refs) == 1) &&
        (uintptr_t)syi_array_data(bytes) % 64 == 0) {
        return SY_OK;
    }
    SY_TRY(syi_array_clone(worker->hook->context, &copy, bytes, &worker->account, err));
    syi_array_fini(bytes);
    *bytes = copy;
    return SY_OK;
}

sy_status syi_sharing_fetch_letter(sy_worker *worker, sy_worker *party,
                                   const uint8_t session[SYI_SHARING_SESSION_SIZE], int to,
                                   const syi_item *item, uint64_t deadline, syi_letter **letter,
                                   sy_error *err)
{
    char text[SYI_JOINT_TEXT_SIZE];
    const sy_value args[] = {
        sy_value_string(syi_joint_format(session, text)),
        sy_value_int(to),
        sy_value_int((int64_t)item->sequence),
        sy_value_int(item->number),
    };
    syi_exchange exchange;
    sy_tensor *bytes = NULL;
    syi_decoder decoder;
    *letter = NULL;
    SY_TRY(syi_command_start(worker, party, SYI_SHARING_FETCH, args, 4, NULL, deadline, &exchange,
                             err));
    sy_status status = syi_link_wait(&exchange, err);
    if (status == SY_OK) {
        syi_decoder_init(&decoder, worker->hook, worker, exchange.reply);
        status = syi_sharing_read_bytes(&decoder, &bytes, err);
        syi_decoder_fini(&decoder);
    }
    syi_link_end(&exchange);
    SY_TRY(status);
    *letter = syi_alloc(worker->hook->context, sizeof **letter);
    if (*letter != NULL) {
        (*letter)->item = *item;
        syi_array_copy_view(&(*letter)->bytes, syi_node_array(bytes->node));
    }
    sy_tensor_unref(bytes);
    return *letter != NULL ? SY_OK : SYI_ENOMEM(err, "letter");
}
