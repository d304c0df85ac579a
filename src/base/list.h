/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list - intrusive, circular, doubly linked. A head is a link that points to itself when empty; an
 * unlinked member points to itself too, so list_remove may be called twice.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

#define list_entry(l, type, member) ((type *)(void *)((char *)(l)-offsetof(type, member)))
#define list_each(it, head)         for (struct list *it = (head)->next; it != (head); it = it->next)
/* The body may remove `it`. */
#define list_each_safe(it, tmp, head) \
    for (struct list *it = (head)->next, *tmp = it->next; it != (head); it = tmp, tmp = it->next)

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_insert_after(struct list *at, struct list *l)
{
    l->prev = at;
    l->next = at->next;
    at->next->prev = l;
    at->next = l;
}

static inline void list_push_front(struct list *head, struct list *l)
{
    list_insert_after(head, l);
}

static inline void list_push_back(struct list *head, struct list *l)
{
    list_insert_after(head->prev, l);
}

static inline void list_remove(struct list *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    list_init(l);
}
