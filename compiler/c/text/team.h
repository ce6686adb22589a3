/* What a thread knows of those that run a program together: its own number, how many they are, and their count of
   meetings, which each thread also keeps for itself. */
typedef struct { long number, count, met, *arrived; } team;
/* Waits for the others. */
static void meet(team *t)
{
    if (t->count == 1) return;
    t->met += t->count;
    __atomic_fetch_add(t->arrived, 1, __ATOMIC_ACQ_REL);
    wait_for(t->arrived, t->met);
}
/* Where a thread's part of the turns of a loop begins; or where the next thread's does. */
static long part(const team *t, long next, long start, long end, long step)
{
    return start + (end - start + step - 1) / step * (t->number + next) / t->count * step;
}
