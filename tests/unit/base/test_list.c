#include "base/list.h"

#include <criterion/criterion.h>
#include <signal.h>

struct item {
    int number;
    struct list_node node;
};

// Whether the list holds these numbers, forwards and backwards.
static void check_numbers(const struct list *list, const int *numbers, size_t count)
{
    const struct list_node *node = list->head.next;
    for (size_t i = 0; i < count; i++, node = node->next) {
        cr_assert_neq(node, &list->head);
        cr_assert_eq(LIST_ENTRY(node, struct item, node)->number, numbers[i]);
        cr_assert_eq(node->next->previous, node);
    }
    cr_assert_eq(node, &list->head);
}

Test(list, keeps_order)
{
    struct list list;
    struct item items[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    list_init(&list);
    cr_assert(list_is_empty(&list));
    cr_assert_null(list_first(&list));
    cr_assert_null(list_last(&list));
    cr_assert_null(list_pop_front(&list));
    list_push_back(&list, &items[1].node);
    list_push_back(&list, &items[3].node);
    list_push_front(&list, &items[0].node);
    list_insert_before(&items[3].node, &items[2].node);
    check_numbers(&list, (int[]){0, 1, 2, 3}, 4);
    cr_assert_eq(list_first(&list), &items[0].node);
    cr_assert_eq(list_last(&list), &items[3].node);
    cr_assert(list_is_linked(&items[2].node));
    list_remove(&items[2].node);
    cr_assert_not(list_is_linked(&items[2].node));
    check_numbers(&list, (int[]){0, 1, 3}, 3);
    cr_assert_eq(list_pop_front(&list), &items[0].node);
    check_numbers(&list, (int[]){1, 3}, 2);
}

Test(list, walks_and_lets_the_body_remove)
{
    struct list list;
    struct item items[6];
    int sum = 0;
    list_init(&list);
    for (int i = 0; i < 6; i++) {
        items[i].number = i;
        list_node_init(&items[i].node);
        list_push_back(&list, &items[i].node);
    }
    LIST_EACH (node, &list) {
        sum += LIST_ENTRY(node, struct item, node)->number;
    }
    cr_assert_eq(sum, 15);
    LIST_EACH_SAFE (node, &list) {
        if (LIST_ENTRY(node, struct item, node)->number % 2 == 0) {
            list_remove(node);
        }
    }
    check_numbers(&list, (int[]){1, 3, 5}, 3);
}

Test(list, moves_all)
{
    struct list into;
    struct list from;
    struct item items[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    list_init(&into);
    list_init(&from);
    list_move_all(&into, &from);
    cr_assert(list_is_empty(&into));
    for (int i = 0; i < 4; i++) {
        list_push_back(i < 2 ? &into : &from, &items[i].node);
    }
    list_move_all(&into, &from);
    check_numbers(&into, (int[]){0, 1, 2, 3}, 4);
    cr_assert(list_is_empty(&from));
    list_move_all(&from, &into);
    check_numbers(&from, (int[]){0, 1, 2, 3}, 4);
}

Test(list, a_node_is_in_one_list_only, .signal = SIGABRT)
{
    struct list list;
    struct list_node node = {NULL, NULL};
    list_init(&list);
    list_push_back(&list, &node);
    list_push_back(&list, &node);
}
