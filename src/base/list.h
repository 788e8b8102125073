// An intrusive doubly linked list. The node lives in the listed object; the list owns nothing.
// A node is in at most one list; list_node_init (or zeroed memory) makes it unlinked. One thread.
#ifndef RINGCAST_BASE_LIST_H
#define RINGCAST_BASE_LIST_H

#include "base/assert.h"

#include <stdbool.h>
#include <stddef.h>

struct list_node {
    struct list_node *previous; // NULL: in no list
    struct list_node *next;
};

struct list {
    struct list_node head; // circular: head.next is the first, head.previous the last
};

// The object of `type` whose member `member` is *node.
#define LIST_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

// for each node; the body may not remove it (see LIST_EACH_SAFE).
#define LIST_EACH(node, list) \
    for (struct list_node *node = (list)->head.next; node != &(list)->head; node = node->next)

// The body may remove or free `node`, but not its successor.
#define LIST_EACH_SAFE(node, list)                                              \
    for (struct list_node *node = (list)->head.next, *node##_next = node->next; \
         node != &(list)->head; node = node##_next, node##_next = node->next)

static inline void list_init(struct list *list)
{
    list->head.previous = &list->head;
    list->head.next = &list->head;
}

static inline void list_node_init(struct list_node *node)
{
    node->previous = NULL;
    node->next = NULL;
}

static inline bool list_is_linked(const struct list_node *node)
{
    return node->previous != NULL;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->head.next == &list->head;
}

// NULL if empty.
static inline struct list_node *list_first(const struct list *list)
{
    return list_is_empty(list) ? NULL : list->head.next;
}

// NULL if empty.
static inline struct list_node *list_last(const struct list *list)
{
    return list_is_empty(list) ? NULL : list->head.previous;
}

// `node` is unlinked; it comes to stand before `position`, which is linked or a list's head.
static inline void list_insert_before(struct list_node *position, struct list_node *node)
{
    ASSERT(!list_is_linked(node));
    ASSERT(list_is_linked(position));
    node->previous = position->previous;
    node->next = position;
    position->previous->next = node;
    position->previous = node;
}

static inline void list_push_back(struct list *list, struct list_node *node)
{
    list_insert_before(&list->head, node);
}

static inline void list_push_front(struct list *list, struct list_node *node)
{
    list_insert_before(list->head.next, node);
}

// `node` is linked; afterwards it is unlinked.
static inline void list_remove(struct list_node *node)
{
    ASSERT(list_is_linked(node));
    node->previous->next = node->next;
    node->next->previous = node->previous;
    list_node_init(node);
}

// Removes and returns the first, or NULL if empty.
static inline struct list_node *list_pop_front(struct list *list)
{
    struct list_node *node = list_first(list);
    if (node != NULL) {
        list_remove(node);
    }
    return node;
}

// Moves all of `from` behind the end of `into`, in order; `from` is empty then.
static inline void list_move_all(struct list *into, struct list *from)
{
    if (list_is_empty(from)) {
        return;
    }
    from->head.next->previous = into->head.previous;
    from->head.previous->next = &into->head;
    into->head.previous->next = from->head.next;
    into->head.previous = from->head.previous;
    list_init(from);
}

#endif
