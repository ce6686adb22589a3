        memcpy(m + STEP_CONSTANTS, constants, CONSTANTS * sizeof(double));
        constants += CONSTANTS;
