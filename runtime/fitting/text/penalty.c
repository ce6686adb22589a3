        memcpy(m + PENALTY_WEIGHTS, m + PARAMETER, WEIGHTS * sizeof(double));
        memcpy(m + PENALTY_INITIAL, m + GRADIENT, WEIGHTS * sizeof(double));
        penalty(m + PENALTY, 0);
        memcpy(m + GRADIENT, m + PENALTY_GRADIENT, WEIGHTS * sizeof(double));
        loss += m[PENALTY_LOSS];
