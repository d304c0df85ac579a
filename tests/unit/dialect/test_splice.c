/* SPDX-License-Identifier: Apache-2.0 */
/* Edits of a client's own JSON: in any order, beside and within each other. */
#include "drive.h"

#include "dialect/splice.h"

static bool is_named(void *ctx, jval key, jval value)
{
    (void)value;
    return json_str_is(key, str_c(ctx));
}

/* The edits by letters, in that order: i insert into the object o, r replace o.a, c cut o, b cut b,
 * f put a member first, t replace t. */
static void edited(const char *in, const char *order, const char *want)
{
    struct rope r = ROPE_INIT(4096);
    struct buf flat = BUF_INIT(4096);
    struct splice s;
    struct drive d;
    char cut_o[] = "o", cut_b[] = "b";
    drive_init(&d);
    jval root = drive_json(&d, str_c(in)), o = json_get_lit(root, "o");
    splice_init(&s, root);
    for (; *order; order++) {
        if (*order == 'i')
            splice_into(&s, o, STR("\"n\":1"), &d.arena);
        else if (*order == 'r')
            splice_replace(&s, json_get_lit(o, "a"), STR("[]"));
        else if (*order == 'c' || *order == 'b')
            splice_cut(&s, root, is_named, *order == 'c' ? cut_o : cut_b);
        else if (*order == 'f')
            splice_into(&s, root, STR("\"f\":0"), &d.arena);
        else
            splice_replace(&s, json_get_lit(root, "t"), STR("9"));
    }
    splice_write(&s, &r);
    rope_flatten(&r, &flat);
    assert_str(buf_str(&flat), want);
    (void)drive_json(&d, buf_str(&flat));
    buf_fini(&flat);
    rope_fini(&r);
    drive_fini(&d);
}

static void test_edits_in_any_order(void **state)
{
    (void)state;
    edited("{\"t\":1,\"o\":{\"a\":2}}", "tri", "{\"t\":9,\"o\":{\"n\":1,\"a\":[]}}");
    edited("{\"t\":1,\"o\":{\"a\":2}}", "irt", "{\"t\":9,\"o\":{\"n\":1,\"a\":[]}}");
}

/* A cut takes with it what was to change inside, before or after it was told. */
static void test_the_larger_edit_stands(void **state)
{
    const char *in = "{\"b\":0,\"o\":{\"a\":2},\"t\":1}", *want = "{\"b\":0,\"t\":1}";
    (void)state;
    edited(in, "ric", want);
    edited(in, "cri", want);
    edited(in, "icr", want);
}

/* What is put in where a cut begins is beside it. */
static void test_put_in_at_the_edge_of_a_cut(void **state)
{
    (void)state;
    edited("{\"b\":0,\"t\":1}", "fb", "{\"f\":0,\"t\":1}");
    edited("{\"b\":0,\"t\":1}", "bf", "{\"f\":0,\"t\":1}");
    edited("{\"o\":{\"b\":1},\"b\":0,\"t\":1}", "ib", "{\"o\":{\"n\":1,\"b\":1},\"t\":1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edits_in_any_order),
        cmocka_unit_test(test_the_larger_edit_stands),
        cmocka_unit_test(test_put_in_at_the_edge_of_a_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
