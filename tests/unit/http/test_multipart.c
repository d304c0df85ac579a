/* SPDX-License-Identifier: Apache-2.0 */
/* Forms: what is refused first (F9, F21), then what real clients send, then every cut. */
#include "guard.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "http/multipart.h"

#define FIELD(name) "Content-Disposition: form-data; name=\"" name "\"\r\n"
#define FILE_OPEN   "--x\r\n" FIELD("file") "\r\n"

static struct guard page;

static void test_type(void **state)
{
    (void)state;
    assert_true(multipart_is_form(STR("multipart/form-data")));
    assert_true(multipart_is_form(STR("Multipart/Form-Data ; boundary=x")));
    assert_false(multipart_is_form(STR("multipart/form-data2")));
    assert_false(multipart_is_form(STR("multipart/mixed; boundary=x")));
    assert_false(multipart_is_form(STR("")));
}

static void refuse_type(const char *type)
{
    str got = STR("untouched");
    if (multipart_boundary(guard_put(page, str_c(type)), &got) != RC_SYNTAX)
        fail_msg("a boundary was found in \"%s\": \"" STR_FMT "\"", type, STR_ARG(got));
    assert_str(got, "untouched");
}

static void test_boundary_refused(void **state)
{
    (void)state;
    refuse_type("");
    refuse_type("application/json; boundary=x");
    refuse_type("multipart/form-data");
    refuse_type("multipart/form-data;");
    refuse_type("multipart/form-data; boundary");
    refuse_type("multipart/form-data; boundary=");
    refuse_type("multipart/form-data; boundary=\"\"");
    refuse_type("multipart/form-data; boundary=\"x");
    refuse_type("multipart/form-data; boundary=\"x \"");
    refuse_type("multipart/form-data; boundary=\"x\"y");
    refuse_type("multipart/form-data; boundary=x; boundary=y");
    refuse_type("multipart/form-data; boundary=x; BOUNDARY=x");
    refuse_type("multipart/form-data; boundary=x y");
    refuse_type("multipart/form-data; boundary=x; =y");
    refuse_type("multipart/form-data; boundary=x\xc3\xa9");
    refuse_type("multipart/form-data; boundary=\"x\\\"y\"");
    refuse_type("multipart/form-data boundary=x");
}

static void test_boundary(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"multipart/form-data; boundary=----formdata-undici-097319472057",
         "----formdata-undici-097319472057"},
        {"multipart/form-data;boundary=\"a b\"", "a b"},
        {"multipart/form-data; charset=\"utf-8\"; boundary=a=b/c:d ; x=y", "a=b/c:d"},
        {"MULTIPART/FORM-DATA; Boundary=X", "X"},
    };
    for (size_t i = 0; i < 4; i++) {
        str got;
        assert_int_equal(multipart_boundary(guard_put(page, str_c(rows[i][0])), &got), RC_OK);
        assert_str(got, rows[i][1]);
    }
}

/* F9: 70 characters at most, so that a boundary of a megabyte costs one look. */
static void test_F9_long_boundary(void **state)
{
    (void)state;
    char text[200];
    str got;
    for (int n = 69; n <= 72; n++) {
        snprintf(text, sizeof(text), "multipart/form-data; boundary=%0*d", n, 7);
        assert_int_equal(multipart_boundary(str_c(text), &got), n <= 70 ? RC_OK : RC_SYNTAX);
    }
}

static enum multipart_result run(str body, struct buf *log, const char **ret_why)
{
    struct multipart m;
    struct multipart_part p;
    enum multipart_result r;
    buf_clear(log);
    multipart_init(&m, STR("x"), body);
    while ((r = multipart_next(&m, &p)) == MULTIPART_PART) {
        buf_addf(log, STR_FMT "=" STR_FMT, STR_ARG(p.name), STR_ARG(p.data));
        if (p.filename.p)
            buf_addf(log, " (" STR_FMT ")", STR_ARG(p.filename));
        if (p.type.p)
            buf_addf(log, " [" STR_FMT "]", STR_ARG(p.type));
        buf_lit(log, ";");
    }
    assert_int_equal(multipart_next(&m, &p), r); /* it stays so */
    *ret_why = m.why;
    assert_true((r == MULTIPART_BAD) == (m.why != NULL));
    return r;
}

static void accept(const char *body, const char *want)
{
    const char *why;
    struct buf log = BUF_INIT(4096);
    if (run(guard_put(page, str_c(body)), &log, &why) != MULTIPART_END)
        fail_msg("refused (%s): %s", why, body);
    assert_str(buf_str(&log), want);
    buf_fini(&log);
}

static void refuse(const char *body, const char *because)
{
    const char *why;
    struct buf log = BUF_INIT(4096);
    if (run(guard_put(page, str_c(body)), &log, &why) != MULTIPART_BAD)
        fail_msg("accepted: %s", body);
    if (!strstr(why, because))
        fail_msg("refused because %s, not because %s: %s", why, because, body);
    buf_fini(&log);
}

static void test_refused(void **state)
{
    (void)state;
    refuse("", "does not begin");
    refuse("preamble\r\n--x--\r\n", "does not begin");
    refuse("\r\n--x--\r\n", "does not begin");
    refuse("--x", "not alone");
    refuse("--x-", "not alone");
    refuse("--x \r\n" FIELD("a") "\r\n1\r\n--x--", "not alone");
    refuse("--xy\r\n" FIELD("a") "\r\n1\r\n--x--", "not alone");
    refuse("--x--\r\nepilogue", "follows the end");
    refuse("--x--\r\n\r\n", "follows the end");
    refuse("--x\r\n", "cut off");
    refuse("--x\r\n" FIELD("a"), "cut off");
    refuse(FILE_OPEN, "cut off");
    refuse(FILE_OPEN "1", "cut off");
    refuse(FILE_OPEN "1\r\n--x", "not alone");
    refuse("--x\r\n\r\n1\r\n--x--", "head is cut off"); /* no header at all */
    refuse("--x\r\nContent-Type: text/plain\r\n\r\n1\r\n--x--", "no name");
    refuse("--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--", "no name");
    refuse("--x\r\n" FIELD("") "\r\n1\r\n--x--", "empty");
    refuse("--x\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n1\r\n--x--", "form-data");
    refuse("--x\r\n" FIELD("a") " folded\r\n\r\n1\r\n--x--", "header is malformed");
    refuse("--x\r\nX : y\r\n" FIELD("a") "\r\n1\r\n--x--", "header is malformed");
    refuse("--x\r\nX: \x01\r\n" FIELD("a") "\r\n1\r\n--x--", "header is malformed");
    refuse("--x\r\n" FIELD("a") "Content-Transfer-Encoding: base64\r\n\r\n1\r\n--x--",
           "transfer-encoding");
}

/* F21: what two readers could take for two different forms. */
static void test_F21_ambiguous(void **state)
{
    (void)state;
    refuse("--x\r\n" FIELD("a\"; name=\"b") "\r\n1\r\n--x--", "twice");
    refuse("--x\r\n" FIELD("a") FIELD("b") "\r\n1\r\n--x--", "two content-dispositions");
    refuse("--x\r\n" FIELD("mo\\del") "\r\n1\r\n--x--", "ambiguous");
    refuse("--x\r\n" FIELD("a\"; filename=\"x\\\"; name=\\\"model") "\r\n1\r\n--x--", "malformed");
    refuse("--x\r\nContent-Disposition: form-data; name=\"a\"; name*=utf-8''b\r\n\r\n1\r\n--x--",
           "name*");
    refuse("--x\r\n" FIELD("a\"; filename=\"1\"; filename=\"2") "\r\n1\r\n--x--", "two filenames");
    refuse("--x\r\n" FIELD("a") "Content-Type: a/b\r\nContent-Type: a/c\r\n\r\n1\r\n--x--",
           "two content-types");
    refuse(FILE_OPEN "1\n--x\r\n" FIELD("model") "\r\nm\r\n--x--", "no CRLF");
    refuse(FILE_OPEN "1\r--x\r\n" FIELD("model") "\r\nm\r\n--x--", "no CRLF");
    refuse(FILE_OPEN "--x--", "no CRLF");
}

static void test_accepted(void **state)
{
    (void)state;
    accept("--x--", "");
    accept("--x--\r\n", "");
    accept(FILE_OPEN "\r\n--x--", "file=;");
    accept(FILE_OPEN "a--x\r\n--x--\r\n", "file=a--x;");
    accept(FILE_OPEN "\r\n\r\n--x--\r\n", "file=\r\n;");
    accept("--x\r\nContent-Disposition: form-data; name=model\r\n\r\nm\r\n--x--\r\n", "model=m;");
    accept("--x\r\ncontent-type: audio/wav\r\ncontent-disposition:form-data;name=\"f\";"
           "filename=\"C:\\a.wav\"; filename*=utf-8''a\r\nX: y\r\n\r\nRIFF\r\n--x\r\n" FIELD(
               "model") "\r\nwhisper-1\r\n--x--\r\n",
           "f=RIFF (C:\\a.wav) [audio/wav];model=whisper-1;");
}

static void test_limits(void **state)
{
    (void)state;
    const char *why;
    struct buf body = BUF_INIT(64u << 10), log = BUF_INIT(64u << 10);
    for (unsigned i = 0; i < MULTIPART_PARTS_MAX; i++)
        buf_lit(&body, "--x\r\n" FIELD("a") "\r\n1\r\n");
    buf_lit(&body, "--x--\r\n");
    assert_int_equal(run(buf_str(&body), &log, &why), MULTIPART_END);
    body.len -= 7;
    buf_lit(&body, "--x\r\n" FIELD("a") "\r\n1\r\n--x--\r\n");
    assert_int_equal(run(buf_str(&body), &log, &why), MULTIPART_BAD);
    assert_string_equal(why, "the form has too many parts");
    for (unsigned over = 0; over < 2; over++) {
        buf_clear(&body);
        buf_lit(&body, "--x\r\n" FIELD("a") "X: ");
        while (buf_size(&body) < 5 + MULTIPART_HEAD_MAX - 4 + over)
            buf_lit(&body, "y");
        buf_lit(&body, "\r\n\r\n1\r\n--x--");
        assert_int_equal(run(buf_str(&body), &log, &why), over ? MULTIPART_BAD : MULTIPART_END);
    }
    buf_fini(&body);
    buf_fini(&log);
}

/* Every head of a form is refused, and its parts are never more or other ones. */
static void test_every_cut(void **state)
{
    (void)state;
    static const char whole[] = "--x\r\n" FIELD("model") "\r\nwhisper-1\r\n--x\r\n" FIELD(
        "file\"; filename=\"a") "Content-Type: a/b\r\n\r\n\r\n-\r\n--\r\n--y\r\n--x--\r\n";
    const char *why;
    struct buf all = BUF_INIT(4096), log = BUF_INIT(4096);
    assert_int_equal(run(str_c(whole), &all, &why), MULTIPART_END);
    for (size_t n = 0; n < sizeof(whole) - 3; n++) {
        str cut = guard_put(page, str_of(whole, n));
        assert_int_equal(run(cut, &log, &why), MULTIPART_BAD);
        assert_true(str_has_prefix(buf_str(&all), buf_str(&log)));
    }
    buf_fini(&all);
    buf_fini(&log);
}

/* Text that almost is the delimiter, again and again, costs one pass: a quadratic search over this
 * would take minutes. */
static void test_F9_linear(void **state)
{
    (void)state;
    static const char almost[] =
        "\r\n--aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct buf body = BUF_INIT(64u << 20);
    struct multipart m;
    struct multipart_part p;
    str boundary =
        str_of("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 68);
    buf_addf(&body, "--" STR_FMT "\r\n" FIELD("f") "\r\n", STR_ARG(boundary));
    while (buf_size(&body) < (32u << 20))
        buf_add(&body, str_c(almost));
    size_t data = buf_size(&body);
    buf_addf(&body, "\r\n--" STR_FMT "--", STR_ARG(boundary));
    multipart_init(&m, boundary, buf_str(&body));
    assert_int_equal(multipart_next(&m, &p), MULTIPART_PART);
    assert_true(p.data.n > data - 200 && p.data.n < data);
    assert_int_equal(multipart_next(&m, &p), MULTIPART_END);
    buf_fini(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_type),      cmocka_unit_test(test_boundary_refused),
        cmocka_unit_test(test_boundary),  cmocka_unit_test(test_F9_long_boundary),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_F21_ambiguous),
        cmocka_unit_test(test_accepted),  cmocka_unit_test(test_limits),
        cmocka_unit_test(test_every_cut), cmocka_unit_test(test_F9_linear),
    };
    page = guard_new(64u << 10);
    int failed = cmocka_run_group_tests_name("multipart", tests, NULL, NULL);
    guard_free(page);
    return failed;
}
