    if (!${prefix}_exact()) {
        fprintf(stderr, "this build changes results; see the top of ${prefix}.c\n");
        return 1;
    }
