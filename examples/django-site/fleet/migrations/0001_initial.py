import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Document',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file', models.FileField(upload_to='documents')),
                ('name', models.CharField(help_text='The name it was uploaded with.', max_length=200)),
                ('size_bytes', models.PositiveBigIntegerField()),
                ('uploaded', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['-uploaded', '-id'],
            },
        ),
        migrations.CreateModel(
            name='Port',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80, unique=True)),
                ('country', models.CharField(max_length=80)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='Ship',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80, unique=True)),
                ('launched', models.PositiveSmallIntegerField(help_text='Year.')),
                ('deadweight_tonnes', models.PositiveIntegerField(help_text='What she may carry, in tonnes.')),
                ('cargo_tonnes', models.PositiveIntegerField(default=0, help_text='What she carries now.')),
                ('home', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='ships', to='fleet.port')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
    ]
