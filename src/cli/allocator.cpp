// What jemalloc reads before main(), as its manual says (jemalloc(3), "TUNING").
//
// One arena: an arena for each of some twenty threads would keep what each of them freed, and what they use
// often lies in their own caches anyway. What nobody needed for a second goes back to the system.
extern "C" {
// NOLINTNEXTLINE(readability-identifier-naming): jemalloc's name
extern const char* const malloc_conf;
const char* const malloc_conf = "narenas:1,lg_tcache_max:12,dirty_decay_ms:1000,muzzy_decay_ms:0";
}
