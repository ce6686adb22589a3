/* Threads wait for one another's counts, which only grow and have cache lines of their own. */
#if defined(__has_include)
#if __has_include(<sched.h>)
#include <sched.h>
#define YIELD() sched_yield()
#endif
#endif
#ifndef YIELD
#define YIELD() (void)0
#endif
#if defined(__x86_64__) || defined(__i386__)
#define PAUSE() __builtin_ia32_pause()
#else
#define PAUSE() (void)0
#endif
enum { STRIDE = 16 };
/* Most waits take less than a document. Only long ones leave the core to others, who may keep it for milliseconds. */
static void wait_for(const long *count, long least)
{
    for (long turn = 0; __atomic_load_n(count, __ATOMIC_ACQUIRE) < least; turn++) {
        PAUSE();
        if (turn > 20000) YIELD();
    }
}
static void publish(long *count, long value) { __atomic_store_n(count, value, __ATOMIC_RELEASE); }
