// RocksDB is not built for the thread sanitizer, so that its locks are not seen and what they guard
// looks like races. Read by the sanitizer at the start; without it this is not called.
extern "C" const char* __tsan_default_options();

extern "C" const char* __tsan_default_options() { return "ignore_noninstrumented_modules=1"; }
