long microgpt_memory(void) { return sizeof(memory) / sizeof(double); }

void microgpt_initialize(double *m)
{
    memset(m, 0, sizeof(memory));
    set_constants((memory *)m);
}

double *microgpt_parameters(double *m) { return ((memory *)m)->parameters; }
double *microgpt_gradient(double *m) { return ((memory *)m)->gradient; }
double *microgpt_first_moment(double *m) { return ((memory *)m)->first_moment; }
double *microgpt_second_moment(double *m) { return ((memory *)m)->second_moment; }
double *microgpt_cache(double *m) { return &((memory *)m)->cache[0][0]; }

double microgpt_loss(double *m, int length, const int *index)
{
    lengths_of[length - 1]((memory *)m, index);
    return ((memory *)m)->loss[0];
}

void microgpt_train(
    double *m, const int *lengths, const int *index, const double *constants, long steps, double *losses)
{
    for (long step = 0; step < steps; step++) {
        losses[step] = microgpt_loss(m, lengths[step], index);
        index += 2 * lengths[step];
        memcpy(((memory *)m)->step_constants, constants + 3 * step, 3 * sizeof(double));
        adam((memory *)m, index);
    }
}

void microgpt_prepare(double *m) { copy_parameters((memory *)m, 0); }

const double *microgpt_next(double *m, int position, int token, double temperature)
{
    ((memory *)m)->temperature[0] = temperature;
    positions_of[position]((memory *)m, &token);
    return ((memory *)m)->probabilities;
}

int microgpt_choose(const double *weights, double uniform)
{
    double sums[VOCABULARY], total = 0.0;
    for (int i = 0; i < VOCABULARY; i++) sums[i] = total = i ? total + weights[i] : weights[i];
    if (!(total > 0.0) || !(total < INFINITY)) return -1;
    double wanted = uniform * total;
    int low = 0, high = VOCABULARY - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (wanted < sums[middle]) high = middle;
        else low = middle + 1;
    }
    return low;
}

long microgpt_sample(
    double *m, double temperature, int bos, long documents,
    const double *uniform, long numbers, int *tokens, long *used)
{
    long drawn = 0, at = 0;
    for (; drawn < documents && at + BLOCK <= numbers; drawn++) {
        int token = bos;
        for (int position = 0; position < BLOCK; position++) {
            token = microgpt_choose(microgpt_next(m, position, token, temperature), uniform[at++]);
            if (token < 0) return -1;
            if (token == bos) break;
            *tokens++ = token;
        }
        *tokens++ = -1;
    }
    *used = at;
    return drawn;
}
