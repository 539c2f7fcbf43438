awskeyd1 work b 1795809844341428 0123456789abcdef fedcba9876543210 98f09fe3245e9fbb126df0d701c9dad8
{"second":"two lines
of it"}