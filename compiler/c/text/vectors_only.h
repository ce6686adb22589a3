#elif !defined(__GNUC__) || defined(__TINYC__)
#error "microgpt: this file needs GCC or Clang, whose vectors it uses"
